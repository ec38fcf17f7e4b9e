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

    private func isHigh(_ bench: Bench) -> Bool { bench.host.virtualCPUs[0].level[1] & 1 << 2 != 0 }

    @Test func itHasTheBoardsTime() {
        var bench = Bench()
        #expect(bench.load(Register.data) == 1_700_000_000)
        bench.host.time += 5
        #expect(bench.load(Register.data) == 1_700_000_005)
    }

    @Test func aTimeThatWasSetGoesOn() {
        var bench = Bench()
        bench.store(Register.load, 1000)
        #expect(bench.load(Register.data) == 1000 && bench.load(Register.load) == 1000)
        bench.host.time += 7
        #expect(bench.load(Register.data) == 1007 && bench.load(Register.load) == 1000)
        bench.reset()
        #expect(bench.load(Register.data) == 1007 && bench.load(Register.load) == 0)
    }

    @Test func identificationAndReservedRegisters() {
        var bench = Bench()
        let identification = (0..<8 as Range<UInt64>).map { bench.load(PlatformMap.clock + 0xFE0 + 4 * $0) }
        #expect(identification == [0x31, 0x10, 0x14, 0, 0x0D, 0xF0, 0x05, 0xB1])
        bench.store(Register.control, 0)
        #expect(bench.load(Register.control) == 1)
        #expect(bench.load(Register.clear) == 0 && bench.load(PlatformMap.clock + 0x20) == 0)
        #expect(bench.load(PlatformMap.clock + 0xFE0, size: 8) == 0x10_0000_0031)
        bench.host.time = 0x1234_5678
        let low = bench.load(Register.data, size: 1)
        #expect(low == 0x78)
        bench.store(Register.match, 0x1_0000_0007, size: 8)
        #expect(bench.load(Register.match) == 7 && bench.load(Register.load) == 1 && bench.load(Register.data) == 1)
        #expect(bench.load(PlatformMap.clock + 0x1000) == nil && bench.load(PlatformMap.clock - 4) == nil)
    }

    /// As the same steps on the bare emulator gave it.
    @Test func theAlarmIsALevel() {
        var bench = Bench()
        func state() -> [UInt64?] {
            [bench.load(Register.mask), bench.load(Register.raw), bench.load(Register.masked)]
        }
        bench.store(Register.mask, 0xFFFF_FFFF)
        #expect(state() == [1, 0, 0] && !isHigh(bench))
        bench.store(Register.match, 1_700_000_000)
        #expect(state() == [1, 1, 1] && isHigh(bench))
        bench.store(Register.clear, 2)
        #expect(state() == [1, 1, 1] && isHigh(bench))
        bench.store(Register.mask, 0xFFFF_FFFE)
        #expect(state() == [0, 1, 0] && !isHigh(bench))
        bench.store(Register.mask, 1)
        #expect(state() == [1, 1, 1] && isHigh(bench))
        bench.store(Register.clear, 1)
        #expect(state() == [1, 0, 0] && !isHigh(bench))
    }

    @Test(arguments: [0, 3, .max - 1] as [UInt32]) func theAlarmComesAtItsTime(start: UInt32) {
        var bench = Bench()
        bench.host.time = start
        bench.store(Register.mask, 1)
        bench.store(Register.match, UInt64(start &+ 3))
        #expect(bench.host.watches == 1)
        // The first look is followed by another soon, because the guest may set a nearer alarm meanwhile.
        #expect(bench.devices.watch(&bench.host) == 1 && !isHigh(bench))
        for _ in 0..<2 {
            #expect(bench.devices.watch(&bench.host) == 16 && !isHigh(bench))
            bench.host.time &+= 1
        }
        // The last second has begun.
        #expect(bench.devices.watch(&bench.host) == 1 && !isHigh(bench))
        // A look that comes late sees it, too.
        bench.host.time &+= 4
        #expect(bench.devices.watch(&bench.host) == nil && isHigh(bench))
        #expect(bench.load(Register.raw) == 1)
        bench.store(Register.clear, 1)
        bench.host.time &+= 100
        #expect(bench.load(Register.raw) == 0 && bench.devices.watch(&bench.host) == nil)
    }

    /// Without a mask nobody needs to look: the guest sees it when it does.
    @Test func anAlarmThatIsMaskedIsFoundLater() {
        var bench = Bench()
        bench.store(Register.match, 1_700_000_002)
        #expect(bench.host.watches == 0)
        bench.host.time += 3
        bench.store(Register.mask, 1)
        #expect(isHigh(bench) && bench.load(Register.masked) == 1)
    }

    /// Setting the time brings the alarm nearer.
    @Test func aTimeThatWasSetCountsForTheAlarm() {
        var bench = Bench()
        bench.store(Register.mask, 1)
        bench.store(Register.match, 500)
        bench.store(Register.load, 499)
        #expect(!isHigh(bench))
        bench.host.time += 1
        _ = bench.devices.watch(&bench.host)
        #expect(isHigh(bench))
    }

    /// A guest asks for the monitor's time once, not with each alarm that it sets.
    @Test func alarmsWithoutEndAskOnce() {
        var bench = Bench()
        bench.store(Register.mask, 1)
        for round in 0..<100 as Range<UInt64> {
            bench.store(Register.match, 1_700_000_100 + round)
            bench.store(Register.mask, round % 2)
        }
        #expect(bench.host.watches == 1)
        // The first look leads to another, also if the alarm is masked now.
        bench.store(Register.mask, 0)
        #expect(bench.devices.watch(&bench.host) == 1)
        bench.store(Register.mask, 1)
        #expect(bench.host.watches == 1)
        bench.store(Register.mask, 0)
        #expect(bench.devices.watch(&bench.host) == nil)
        bench.store(Register.mask, 1)
        #expect(bench.host.watches == 2)
    }

    /// An alarm nearer than the look that is due causes another look.
    @Test func aNearerAlarmAsksAgain() {
        var bench = Bench()
        bench.store(Register.mask, 1)
        bench.store(Register.match, 1_700_000_100)
        #expect(bench.devices.watch(&bench.host) == 1 && bench.devices.watch(&bench.host) == 16)
        bench.store(Register.match, 1_700_000_050)
        #expect(bench.host.watches == 1)
        bench.store(Register.match, 1_700_000_001)
        #expect(bench.host.watches == 2)
        // The answer to it is one look soon, however the guest changes its mind.
        bench.store(Register.match, 1_700_000_100)
        #expect(bench.devices.watch(&bench.host) == 1)
        bench.store(Register.match, 1_700_000_001)
        #expect(bench.host.watches == 2)
    }

    @Test func aResetEndsTheLooks() {
        var bench = Bench()
        bench.store(Register.mask, 1)
        bench.store(Register.match, 1_700_000_100)
        bench.reset()
        #expect(bench.devices.watch(&bench.host) == nil)
    }
}
