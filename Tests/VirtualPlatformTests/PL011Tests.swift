import Testing

@testable import VirtualPlatform

@Suite struct PL011Tests {
    private static let data = PlatformMap.serial
    private static let flags = PlatformMap.serial + 0x18
    private static let lineControl = PlatformMap.serial + 0x2C
    private static let mask = PlatformMap.serial + 0x38
    private static let raw = PlatformMap.serial + 0x3C
    private static let masked = PlatformMap.serial + 0x40
    private static let clear = PlatformMap.serial + 0x44

    private static let receive: UInt64 = 1 << 4
    private static let transmit: UInt64 = 1 << 5
    private static let receiveTimeout: UInt64 = 1 << 6

    /// Makes a machine with FIFOs enabled, as every driver does.
    private func fixture() -> Fixture {
        var fixture = Fixture()
        fixture.store(Self.lineControl, 0x70)
        return fixture
    }

    private func isInterrupting(_ fixture: Fixture) -> Bool { fixture.environment.virtualCPUs[0].level[1] & 0b10 != 0 }

    @Test func identifiesItself() {
        var fixture = Fixture()
        let identification = (0..<8).map { fixture.load(PlatformMap.serial + 0xFE0 + 4 * UInt64($0))! }
        #expect(identification == [0x11, 0x10, 0x34, 0, 0x0D, 0xF0, 0x05, 0xB1])
        #expect(fixture.load(PlatformMap.serial + 0x30) == 0x300)
        #expect(fixture.load(PlatformMap.serial + 0x34) == 0x12)
        #expect(fixture.load(Self.flags) == 0x90)
    }

    @Test func configurationIsKept() {
        var fixture = Fixture()
        for (offset, value, kept): (UInt64, UInt64, UInt64) in [
            (0x24, 0x12_3456, 0x3456), (0x28, 0xFF, 0x3F), (0x2C, 0x170, 0x70), (0x30, 0xFFFF, 0xFF87),
            (0x34, 0xFF, 0x3F), (0x38, 0xFFFF, 0x7FF), (0x48, 0xFF, 7),
        ] {
            fixture.store(PlatformMap.serial + offset, value)
            #expect(fixture.load(PlatformMap.serial + offset) == kept, "offset \(offset)")
        }
    }

    @Test func outputGoesStraightThrough() {
        var fixture = Fixture()
        for byte in "Linux".utf8 { fixture.store(Self.data, UInt64(byte), size: 1) }
        #expect(fixture.environment.output == Array("Linux".utf8))
        #expect(fixture.load(Self.flags) == 0x90)
    }

    @Test func outputWaitsForRoomInOrder() {
        var fixture = fixture()
        fixture.environment.room = 2
        for byte in UInt64(0)..<34 { fixture.store(Self.data, byte) }
        #expect(fixture.environment.output == [0, 1])
        // Full, busy, not empty.
        #expect(fixture.load(Self.flags) == 0x38)
        fixture.store(Self.data, 99)
        fixture.environment.room = 1
        #expect(fixture.load(Self.flags) == 0x18)
        fixture.environment.room = 100
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.environment.output == (0..<34).map { UInt8($0) })
        #expect(fixture.load(Self.flags) == 0x90)
        #expect(!fixture.devices.serial.isTransmitting)
    }

    @Test func transmitInterruptsWhenItDrainsToTheThreshold() {
        var fixture = fixture()
        fixture.store(Self.mask, Self.transmit)
        #expect(!isInterrupting(fixture))
        fixture.store(Self.data, 1)
        #expect(isInterrupting(fixture))
        #expect(fixture.load(Self.masked) == Self.transmit)
        fixture.store(Self.clear, Self.transmit)
        #expect(!isInterrupting(fixture))

        fixture.environment.room = 0
        for byte in UInt64(0)..<17 { fixture.store(Self.data, byte) }
        #expect(!isInterrupting(fixture))
        fixture.environment.room = 1
        fixture.devices.exchange(&fixture.environment)
        #expect(isInterrupting(fixture))
    }

    @Test func clearingTheTransmitInterruptLastsWhileNothingDrains() {
        var fixture = fixture()
        fixture.store(Self.data, 1)
        #expect(fixture.load(Self.raw) == Self.transmit)
        fixture.store(Self.clear, 0x7FF)
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.load(Self.raw) == 0)
    }

    @Test func inputInterruptsUntilItIsRead() {
        var fixture = fixture()
        fixture.store(Self.mask, Self.receive | Self.receiveTimeout)
        fixture.environment.input = Array("ab".utf8)
        fixture.devices.exchange(&fixture.environment)
        #expect(isInterrupting(fixture))
        #expect(fixture.load(Self.flags)! & 0x10 == 0)
        fixture.store(Self.clear, 0x7FF)
        #expect(isInterrupting(fixture))
        #expect(fixture.load(Self.data) == 0x61)
        #expect(isInterrupting(fixture))
        #expect(fixture.load(Self.data) == 0x62)
        #expect(!isInterrupting(fixture))
        #expect(fixture.load(Self.flags)! & 0x10 != 0)
        #expect(fixture.load(Self.data) == 0)
        #expect(fixture.environment.levelChanges == 2)
    }

    @Test func inputThatFindsNoRoomWaitsInTheWire() {
        var fixture = fixture()
        fixture.environment.input = (0..<100).map { UInt8($0) }
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.environment.input.count == 68)
        #expect(fixture.load(Self.flags)! & 0x40 != 0)
        let read = (0..<100).map { _ in UInt8(fixture.load(Self.data)!) }
        #expect(read == (0..<100).map { UInt8($0) })
    }

    @Test func withoutFIFOsOneByteIsHeld() {
        var fixture = Fixture()
        fixture.environment.input = [1, 2]
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.environment.input == [2])
        fixture.environment.room = 0
        fixture.store(Self.data, 7)
        #expect(fixture.load(Self.flags)! & 0x20 != 0)
    }

    @Test func maskingLowersTheLine() {
        var fixture = fixture()
        fixture.environment.input = [1]
        fixture.devices.exchange(&fixture.environment)
        #expect(!isInterrupting(fixture))
        fixture.store(Self.mask, Self.receive)
        #expect(isInterrupting(fixture))
        fixture.store(Self.mask, 0)
        #expect(!isInterrupting(fixture))
        #expect(fixture.load(Self.raw) == Self.receive | Self.receiveTimeout)
    }

    @Test func onlyFirstBytesOfRegistersAreRegisters() {
        var fixture = fixture()
        fixture.environment.input = [5]
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.load(Self.data + 1, size: 1) == 0)
        fixture.store(Self.data + 2, 0x41, size: 2)
        #expect(fixture.environment.output.isEmpty)
        #expect(fixture.load(Self.data, size: 8) == 5)
    }
}
