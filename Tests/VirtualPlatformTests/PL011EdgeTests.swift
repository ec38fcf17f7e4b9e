import Testing

@testable import VirtualPlatform

/// The serial port's FIFOs at their limits.
@Suite struct PL011EdgeTests {
    private static let data = PlatformMap.serial
    private static let receiveStatus = PlatformMap.serial + 0x04
    private static let flags = PlatformMap.serial + 0x18
    private static let lineControl = PlatformMap.serial + 0x2C
    private static let levels = PlatformMap.serial + 0x34
    private static let mask = PlatformMap.serial + 0x38
    private static let raw = PlatformMap.serial + 0x3C
    private static let clear = PlatformMap.serial + 0x44
    private static let transmit: UInt64 = 1 << 5

    private enum Flag {
        static let busy: UInt64 = 1 << 3
        static let receiveEmpty: UInt64 = 1 << 4
        static let transmitFull: UInt64 = 1 << 5
        static let receiveFull: UInt64 = 1 << 6
        static let transmitEmpty: UInt64 = 1 << 7
    }

    private func fixture(hasFIFOs: Bool = true) -> Fixture {
        var fixture = Fixture()
        if hasFIFOs { fixture.store(Self.lineControl, 0x10) }
        return fixture
    }

    private func isRaised(_ fixture: inout Fixture) -> Bool { fixture.load(Self.raw)! & Self.transmit != 0 }

    /// UARTIFLS.TXIFLSEL: one byte more than the threshold does not interrupt, and the step down to it does.
    @Test(arguments: zip([0, 1, 2, 3, 4, 5, 6, 7, 0x3A] as [UInt64], [4, 8, 16, 24, 28, 16, 16, 16, 16]))
    func theTransmitInterruptComesAtItsThreshold(levels: UInt64, threshold: Int) {
        var fixture = fixture()
        fixture.store(Self.levels, levels)
        fixture.environment.room = 0
        for count in 1...threshold {
            fixture.store(Self.data, UInt64(count))
            #expect(isRaised(&fixture), "\(count) bytes")
        }
        fixture.store(Self.data, 0)
        #expect(!isRaised(&fixture))
        fixture.environment.room = 1
        fixture.devices.exchange(&fixture.environment)
        #expect(isRaised(&fixture))
        // Further draining causes no interrupt.
        fixture.store(Self.clear, Self.transmit)
        fixture.environment.room = 2
        fixture.devices.exchange(&fixture.environment)
        #expect(!isRaised(&fixture))
    }

    @Test func withoutFIFOsTheThresholdIsEmpty() {
        var fixture = fixture(hasFIFOs: false)
        fixture.store(Self.levels, 4)
        fixture.environment.room = 0
        fixture.store(Self.data, 1)
        #expect(!isRaised(&fixture))
        #expect(fixture.load(Self.flags) == Flag.busy | Flag.transmitFull | Flag.receiveEmpty)
        fixture.environment.room = 1
        fixture.devices.exchange(&fixture.environment)
        #expect(isRaised(&fixture))
        #expect(fixture.environment.output == [1])
    }

    @Test func onlyItsOwnBitClearsTheTransmitInterrupt() {
        var fixture = fixture()
        fixture.store(Self.data, 1)
        fixture.store(Self.clear, 0x7FF & ~Self.transmit)
        #expect(isRaised(&fixture))
        fixture.store(Self.clear, Self.transmit)
        #expect(!isRaised(&fixture))
    }

    /// A break is a character of 0 with bit 10 (UARTDR.BE), and UARTRSR shows the bits of the character before.
    @Test func aBreakIsMarked() {
        var fixture = fixture()
        fixture.store(Self.mask, 0x50)
        fixture.environment.hasBreak = true
        fixture.environment.input = [0x75]
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.load(Self.raw) == 0x50 && fixture.load(Self.receiveStatus) == 0)
        #expect(fixture.load(Self.data) == 0x400)
        #expect(fixture.load(Self.receiveStatus) == 4)
        fixture.store(Self.receiveStatus, 0)
        #expect(fixture.load(Self.receiveStatus) == 0)
        fixture.environment.hasBreak = true
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.load(Self.data) == 0x75 && fixture.load(Self.data) == 0x400 && fixture.load(Self.data) == 0)
        #expect(fixture.load(Self.receiveStatus) == 0)
    }

    /// The flags are correct one byte before each limit, and at it.
    @Test func flagsChangeAtTheLastByte() {
        var fixture = fixture()
        fixture.environment.room = 0
        for byte in 0..<31 as Range<UInt64> { fixture.store(Self.data, byte) }
        #expect(fixture.load(Self.flags) == Flag.busy | Flag.receiveEmpty)
        fixture.store(Self.data, 31)
        #expect(fixture.load(Self.flags) == Flag.busy | Flag.receiveEmpty | Flag.transmitFull)
        fixture.store(Self.data, 99)
        fixture.environment.input = Array(repeating: 7, count: 31)
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.load(Self.flags) == Flag.busy | Flag.transmitFull)
        fixture.environment.input = [7]
        #expect(fixture.load(Self.flags) == Flag.busy | Flag.transmitFull | Flag.receiveFull)
        fixture.environment.room = 100
        #expect(fixture.load(Self.flags) == Flag.transmitEmpty | Flag.receiveFull)
        #expect(fixture.environment.output == (0..<32).map { UInt8($0) })
    }

    /// Bytes go round the FIFO many times, with a few always in it.
    @Test func bytesStayInOrderAroundTheFIFO() {
        var fixture = fixture()
        fixture.environment.room = 0
        for byte in 0..<200 as Range<UInt64> {
            fixture.environment.input.append(UInt8(byte))
            fixture.devices.exchange(&fixture.environment)
            if byte >= 29 { #expect(fixture.load(Self.data) == byte - 29) }
            fixture.store(Self.data, byte)
            if byte >= 29 {
                fixture.environment.room = 1
                fixture.devices.exchange(&fixture.environment)
            }
        }
        #expect(fixture.environment.output == (0...170).map { UInt8($0) })
    }

    /// FIFOs that are disabled with bytes in them lose no byte.
    @Test func bytesOfADisabledFIFOAreKept() {
        var fixture = fixture()
        fixture.environment.room = 0
        for byte in 1...3 as ClosedRange<UInt64> { fixture.store(Self.data, byte) }
        fixture.store(Self.lineControl, 0)
        #expect(fixture.load(Self.flags)! & Flag.transmitFull != 0)
        fixture.store(Self.data, 4)
        fixture.environment.room = 9
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.environment.output == [1, 2, 3])
        #expect(isRaised(&fixture))
    }

    /// A load of the data register makes room, which the next byte takes at once.
    @Test func aReadByteMakesRoomForTheNext() {
        var fixture = fixture(hasFIFOs: false)
        fixture.store(Self.mask, 1 << 4)
        fixture.environment.input = [1, 2]
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.load(Self.data) == 1)
        #expect(fixture.environment.input.isEmpty)
        #expect(fixture.environment.virtualCPUs[0].level[1] == 2)
        #expect(fixture.load(Self.data) == 2)
        #expect(fixture.environment.virtualCPUs[0].level[1] == 0)
    }

    /// An access to one register changes no other one.
    @Test func registersThatAreNotThereReadAsZero() {
        var fixture = fixture()
        for offset in stride(from: 0x00, to: 0x1000, by: 4) where ![0, 0x44].contains(offset) {
            fixture.store(PlatformMap.serial + UInt64(offset), 0xFFFF_FFFF)
        }
        let kept: [Int: UInt64] = [
            0x18: 0x90, 0x20: 0xFF, 0x24: 0xFFFF, 0x28: 0x3F, 0x2C: 0xFF, 0x30: 0xFF87, 0x34: 0x3F, 0x38: 0x7FF,
            0x48: 7,
            0xFE0: 0x11, 0xFE4: 0x10, 0xFE8: 0x34, 0xFF0: 0x0D, 0xFF4: 0xF0, 0xFF8: 0x05, 0xFFC: 0xB1,
        ]
        for offset in stride(from: 0x00, to: 0x1000, by: 4) {
            #expect(fixture.load(PlatformMap.serial + UInt64(offset)) == kept[offset, default: 0], "offset \(offset)")
        }
    }

    /// A write to a register may make room, which waiting input or output takes at once.
    @Test func aWriteLooksAtTheWire() {
        var fixture = fixture(hasFIFOs: false)
        fixture.environment.input = [1, 2, 3]
        fixture.devices.exchange(&fixture.environment)
        #expect(fixture.environment.input == [2, 3])
        fixture.environment.room = 0
        fixture.store(Self.data, 9)
        #expect(fixture.environment.input == [2, 3])
        fixture.environment.room = 1
        fixture.store(Self.lineControl, 0x10)
        #expect(fixture.environment.input.isEmpty && fixture.environment.output == [9])
    }

    /// A written byte goes behind those that wait, and all of them go out as soon as there is room.
    @Test func aWrittenByteTakesTheWaitingOnesAlong() {
        var fixture = fixture()
        fixture.environment.room = 0
        for byte in 1...32 as ClosedRange<UInt64> { fixture.store(Self.data, byte) }
        fixture.environment.room = 1
        fixture.store(Self.data, 33)
        #expect(fixture.environment.output == [1])
        fixture.environment.room = 100
        fixture.store(Self.data, 34)
        #expect(fixture.environment.output == (1...34).map { UInt8($0) })
        #expect(isRaised(&fixture))
    }

    /// A machine is not turned off before its last byte is on the wire.
    @Test(arguments: [false, true]) func aByteThatWaitsIsTransmitting(hasFIFOs: Bool) {
        var fixture = fixture(hasFIFOs: hasFIFOs)
        #expect(!fixture.devices.serial.isTransmitting)
        fixture.environment.room = 0
        fixture.store(Self.data, 1)
        #expect(fixture.devices.serial.isTransmitting)
        fixture.environment.room = 1
        fixture.devices.exchange(&fixture.environment)
        #expect(!fixture.devices.serial.isTransmitting)
        fixture.environment.room = 1
        fixture.store(Self.data, 2)
        #expect(!fixture.devices.serial.isTransmitting)
    }

    /// A wire whose reader makes room between two attempts.
    private struct BusyWire: SerialLine {
        /// The values that the next attempts find.
        var rooms: [Bool]
        var output: [UInt8] = []

        mutating func transmit(_ byte: UInt8) -> Bool {
            guard rooms.isEmpty || rooms.removeFirst() else { return false }
            output.append(byte)
            return true
        }
        mutating func receive() -> UInt16? { nil }
        func tellReader() {}
        func askForMoment() -> Bool { true }
    }

    /// A byte does not overtake those that wait, for any time at which room comes.
    @Test func bytesStayInOrderHoweverRoomComes() {
        for pattern in 0..<64 {
            var wire = BusyWire(rooms: (0..<6).map { pattern >> $0 & 1 != 0 })
            var serial = PL011()
            serial.write(0x2C, 0x10, &wire)
            for byte in 1...4 as ClosedRange<UInt32> { serial.write(0, byte, &wire) }
            for _ in 0..<8 { serial.exchange(&wire) }
            #expect(wire.output == [1, 2, 3, 4], "\(pattern)")
        }
    }
}
