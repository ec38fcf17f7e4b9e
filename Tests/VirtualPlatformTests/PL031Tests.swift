import Testing

@testable import VirtualPlatform

/// The clock, register by register as on QEMU's board.
@Suite struct PL031Tests {
    private enum Register {
        static let data = PlatformMap.clock
        static let match = data + 0x04
        static let load = data + 0x08
        static let control = data + 0x0C
        static let mask = data + 0x10
        static let raw = data + 0x14
        static let masked = data + 0x18
        static let clear = data + 0x1C
    }

    private func isHigh(_ fixture: Fixture) -> Bool { fixture.environment.virtualCPUs[0].level[1] & 1 << 2 != 0 }

    @Test func itHasTheBoardsTime() {
        var fixture = Fixture()
        #expect(fixture.load(Register.data) == 1_700_000_000)
        fixture.environment.time += 5
        #expect(fixture.load(Register.data) == 1_700_000_005)
    }

    @Test func aTimeThatWasSetGoesOn() {
        var fixture = Fixture()
        fixture.store(Register.load, 1000)
        #expect(fixture.load(Register.data) == 1000 && fixture.load(Register.load) == 1000)
        fixture.environment.time += 7
        #expect(fixture.load(Register.data) == 1007 && fixture.load(Register.load) == 1000)
        fixture.reset()
        #expect(fixture.load(Register.data) == 1007 && fixture.load(Register.load) == 0)
    }

    @Test func identificationAndReservedRegisters() {
        var fixture = Fixture()
        let identification = (0..<8 as Range<UInt64>).map { fixture.load(PlatformMap.clock + 0xFE0 + 4 * $0) }
        #expect(identification == [0x31, 0x10, 0x14, 0, 0x0D, 0xF0, 0x05, 0xB1])
        fixture.store(Register.control, 0)
        #expect(fixture.load(Register.control) == 1)
        #expect(fixture.load(Register.clear) == 0 && fixture.load(PlatformMap.clock + 0x20) == 0)
        #expect(fixture.load(PlatformMap.clock + 0xFE0, size: 8) == 0x10_0000_0031)
        fixture.environment.time = 0x1234_5678
        let low = fixture.load(Register.data, size: 1)
        #expect(low == 0x78)
        fixture.store(Register.match, 0x1_0000_0007, size: 8)
        #expect(
            fixture.load(Register.match) == 7 && fixture.load(Register.load) == 1 && fixture.load(Register.data) == 1)
        #expect(fixture.load(PlatformMap.clock + 0x1000) == nil && fixture.load(PlatformMap.clock - 4) == nil)
    }

    /// The same steps on the bare emulator gave these values.
    @Test func theAlarmIsALevel() {
        var fixture = Fixture()
        func state() -> [UInt64?] {
            [fixture.load(Register.mask), fixture.load(Register.raw), fixture.load(Register.masked)]
        }
        fixture.store(Register.mask, 0xFFFF_FFFF)
        #expect(state() == [1, 0, 0] && !isHigh(fixture))
        fixture.store(Register.match, 1_700_000_000)
        #expect(state() == [1, 1, 1] && isHigh(fixture))
        fixture.store(Register.clear, 2)
        #expect(state() == [1, 1, 1] && isHigh(fixture))
        fixture.store(Register.mask, 0xFFFF_FFFE)
        #expect(state() == [0, 1, 0] && !isHigh(fixture))
        fixture.store(Register.mask, 1)
        #expect(state() == [1, 1, 1] && isHigh(fixture))
        fixture.store(Register.clear, 1)
        #expect(state() == [1, 0, 0] && !isHigh(fixture))
    }

    @Test(arguments: [0, 3, .max - 1] as [UInt32]) func theAlarmComesAtItsTime(start: UInt32) {
        var fixture = Fixture()
        fixture.environment.time = start
        fixture.store(Register.mask, 1)
        fixture.store(Register.match, UInt64(start &+ 3))
        #expect(fixture.environment.watches == 1)
        // Another look soon follows the first one, because the guest may set a nearer alarm meanwhile.
        #expect(fixture.devices.watch(&fixture.environment) == 1 && !isHigh(fixture))
        for _ in 0..<2 {
            #expect(fixture.devices.watch(&fixture.environment) == 16 && !isHigh(fixture))
            fixture.environment.time &+= 1
        }
        // The last second has begun.
        #expect(fixture.devices.watch(&fixture.environment) == 1 && !isHigh(fixture))
        // A late look finds it, too.
        fixture.environment.time &+= 4
        #expect(fixture.devices.watch(&fixture.environment) == nil && isHigh(fixture))
        #expect(fixture.load(Register.raw) == 1)
        fixture.store(Register.clear, 1)
        fixture.environment.time &+= 100
        #expect(fixture.load(Register.raw) == 0 && fixture.devices.watch(&fixture.environment) == nil)
    }

    /// Without a mask no look is needed, because the guest finds the alarm at its own look.
    @Test func anAlarmThatIsMaskedIsFoundLater() {
        var fixture = Fixture()
        fixture.store(Register.match, 1_700_000_002)
        #expect(fixture.environment.watches == 0)
        fixture.environment.time += 3
        fixture.store(Register.mask, 1)
        #expect(isHigh(fixture) && fixture.load(Register.masked) == 1)
    }

    /// Setting the time brings the alarm nearer.
    @Test func aTimeThatWasSetCountsForTheAlarm() {
        var fixture = Fixture()
        fixture.store(Register.mask, 1)
        fixture.store(Register.match, 500)
        fixture.store(Register.load, 499)
        #expect(!isHigh(fixture))
        fixture.environment.time += 1
        _ = fixture.devices.watch(&fixture.environment)
        #expect(isHigh(fixture))
    }

    /// A guest requests the monitor's time once, and not with each alarm that it sets.
    @Test func alarmsWithoutEndAskOnce() {
        var fixture = Fixture()
        fixture.store(Register.mask, 1)
        for round in 0..<100 as Range<UInt64> {
            fixture.store(Register.match, 1_700_000_100 + round)
            fixture.store(Register.mask, round % 2)
        }
        #expect(fixture.environment.watches == 1)
        // The first look leads to another one, even if the alarm is masked now.
        fixture.store(Register.mask, 0)
        #expect(fixture.devices.watch(&fixture.environment) == 1)
        fixture.store(Register.mask, 1)
        #expect(fixture.environment.watches == 1)
        fixture.store(Register.mask, 0)
        #expect(fixture.devices.watch(&fixture.environment) == nil)
        fixture.store(Register.mask, 1)
        #expect(fixture.environment.watches == 2)
    }

    /// An alarm that comes before the next look causes another look.
    @Test func aNearerAlarmAsksAgain() {
        var fixture = Fixture()
        fixture.store(Register.mask, 1)
        fixture.store(Register.match, 1_700_000_100)
        #expect(fixture.devices.watch(&fixture.environment) == 1 && fixture.devices.watch(&fixture.environment) == 16)
        fixture.store(Register.match, 1_700_000_050)
        #expect(fixture.environment.watches == 1)
        fixture.store(Register.match, 1_700_000_001)
        #expect(fixture.environment.watches == 2)
        // The answer is one look soon, for any further changes by the guest.
        fixture.store(Register.match, 1_700_000_100)
        #expect(fixture.devices.watch(&fixture.environment) == 1)
        fixture.store(Register.match, 1_700_000_001)
        #expect(fixture.environment.watches == 2)
    }

    @Test func aResetEndsTheLooks() {
        var fixture = Fixture()
        fixture.store(Register.mask, 1)
        fixture.store(Register.match, 1_700_000_100)
        fixture.reset()
        #expect(fixture.devices.watch(&fixture.environment) == nil)
    }
}
