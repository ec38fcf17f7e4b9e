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

    /// With FIFOs enabled, as every driver does.
    private func bench() -> Bench {
        var bench = Bench()
        bench.store(Self.lineControl, 0x70)
        return bench
    }

    private func isInterrupting(_ bench: Bench) -> Bool { bench.host.virtualCPUs[0].level[1] & 0b10 != 0 }

    @Test func identifiesItself() {
        var bench = Bench()
        let identification = (0..<8).map { bench.load(PlatformMap.serial + 0xFE0 + 4 * UInt64($0))! }
        #expect(identification == [0x11, 0x10, 0x34, 0, 0x0D, 0xF0, 0x05, 0xB1])
        #expect(bench.load(PlatformMap.serial + 0x30) == 0x300)
        #expect(bench.load(PlatformMap.serial + 0x34) == 0x12)
        #expect(bench.load(Self.flags) == 0x90)
    }

    @Test func configurationIsKept() {
        var bench = Bench()
        for (offset, value, kept): (UInt64, UInt64, UInt64) in [
            (0x24, 0x12_3456, 0x3456), (0x28, 0xFF, 0x3F), (0x2C, 0x170, 0x70), (0x30, 0xFFFF, 0xFF87),
            (0x34, 0xFF, 0x3F), (0x38, 0xFFFF, 0x7FF), (0x48, 0xFF, 7),
        ] {
            bench.store(PlatformMap.serial + offset, value)
            #expect(bench.load(PlatformMap.serial + offset) == kept, "offset \(offset)")
        }
    }

    @Test func outputGoesStraightThrough() {
        var bench = Bench()
        for byte in "Linux".utf8 { bench.store(Self.data, UInt64(byte), size: 1) }
        #expect(bench.host.output == Array("Linux".utf8))
        #expect(bench.load(Self.flags) == 0x90)
    }

    @Test func outputWaitsForRoomInOrder() {
        var bench = bench()
        bench.host.room = 2
        for byte in UInt64(0)..<34 { bench.store(Self.data, byte) }
        #expect(bench.host.output == [0, 1])
        // Full, busy, not empty.
        #expect(bench.load(Self.flags) == 0x38)
        bench.store(Self.data, 99)
        bench.host.room = 1
        #expect(bench.load(Self.flags) == 0x18)
        bench.host.room = 100
        bench.devices.exchange(&bench.host)
        #expect(bench.host.output == (0..<34).map { UInt8($0) })
        #expect(bench.load(Self.flags) == 0x90)
        #expect(!bench.devices.serial.isTransmitting)
    }

    @Test func transmitInterruptsWhenItDrainsToTheThreshold() {
        var bench = bench()
        bench.store(Self.mask, Self.transmit)
        #expect(!isInterrupting(bench))
        bench.store(Self.data, 1)
        #expect(isInterrupting(bench))
        #expect(bench.load(Self.masked) == Self.transmit)
        bench.store(Self.clear, Self.transmit)
        #expect(!isInterrupting(bench))

        bench.host.room = 0
        for byte in UInt64(0)..<17 { bench.store(Self.data, byte) }
        #expect(!isInterrupting(bench))
        bench.host.room = 1
        bench.devices.exchange(&bench.host)
        #expect(isInterrupting(bench))
    }

    @Test func clearingTheTransmitInterruptLastsWhileNothingDrains() {
        var bench = bench()
        bench.store(Self.data, 1)
        #expect(bench.load(Self.raw) == Self.transmit)
        bench.store(Self.clear, 0x7FF)
        bench.devices.exchange(&bench.host)
        #expect(bench.load(Self.raw) == 0)
    }

    @Test func inputInterruptsUntilItIsRead() {
        var bench = bench()
        bench.store(Self.mask, Self.receive | Self.receiveTimeout)
        bench.host.input = Array("ab".utf8)
        bench.devices.exchange(&bench.host)
        #expect(isInterrupting(bench))
        #expect(bench.load(Self.flags)! & 0x10 == 0)
        bench.store(Self.clear, 0x7FF)
        #expect(isInterrupting(bench))
        #expect(bench.load(Self.data) == 0x61)
        #expect(isInterrupting(bench))
        #expect(bench.load(Self.data) == 0x62)
        #expect(!isInterrupting(bench))
        #expect(bench.load(Self.flags)! & 0x10 != 0)
        #expect(bench.load(Self.data) == 0)
        #expect(bench.host.levelChanges == 2)
    }

    @Test func inputThatFindsNoRoomWaitsInTheWire() {
        var bench = bench()
        bench.host.input = (0..<100).map { UInt8($0) }
        bench.devices.exchange(&bench.host)
        #expect(bench.host.input.count == 68)
        #expect(bench.load(Self.flags)! & 0x40 != 0)
        let read = (0..<100).map { _ in UInt8(bench.load(Self.data)!) }
        #expect(read == (0..<100).map { UInt8($0) })
    }

    @Test func withoutFIFOsOneByteIsHeld() {
        var bench = Bench()
        bench.host.input = [1, 2]
        bench.devices.exchange(&bench.host)
        #expect(bench.host.input == [2])
        bench.host.room = 0
        bench.store(Self.data, 7)
        #expect(bench.load(Self.flags)! & 0x20 != 0)
    }

    @Test func maskingLowersTheLine() {
        var bench = bench()
        bench.host.input = [1]
        bench.devices.exchange(&bench.host)
        #expect(!isInterrupting(bench))
        bench.store(Self.mask, Self.receive)
        #expect(isInterrupting(bench))
        bench.store(Self.mask, 0)
        #expect(!isInterrupting(bench))
        #expect(bench.load(Self.raw) == Self.receive | Self.receiveTimeout)
    }

    @Test func onlyFirstBytesOfRegistersAreRegisters() {
        var bench = bench()
        bench.host.input = [5]
        bench.devices.exchange(&bench.host)
        #expect(bench.load(Self.data + 1, size: 1) == 0)
        bench.store(Self.data + 2, 0x41, size: 2)
        #expect(bench.host.output.isEmpty)
        #expect(bench.load(Self.data, size: 8) == 5)
    }
}
