import ABI
import Testing

@testable import VirtualPlatform

/// The limits of the platform's small parts.
@Suite struct PlatformEdgeTests {
    // MARK: Where devices lie

    /// The first and the last byte of each device, and their neighbours.
    @Test(arguments: [1, 2, 8]) func devicesEndWhereTheMapSays(virtualCPUs: Int) {
        var fixture = Fixture(virtualCPUs: virtualCPUs)
        let redistributors = UInt64(virtualCPUs) * 0x2_0000
        let extents: [(UInt64, UInt64)] = [
            (0x0800_0000, 0x1_0000), (0x080A_0000, redistributors), (0x0900_0000, 0x1000),
        ]
        for (base, size) in extents {
            for (address, isThere) in [(base - 1, false), (base, true), (base + size - 1, true), (base + size, false)] {
                #expect((fixture.load(address, size: 1) != nil) == isThere, "\(address)")
                let isStored = fixture.store(address, 0, size: 1)
                #expect(isStored == isThere, "\(address)")
            }
        }
        for address in [0, 0x4000_0000, 0x0801_0000, .max, 1 << 40 | 0x0900_0000] as [UInt64] {
            #expect(fixture.load(address) == nil)
        }
    }

    @Test func aStoreLoadsNothing() {
        var fixture = Fixture()
        for address in [PlatformMap.distributor, PlatformMap.serial, Fixture.redistributor(0, 0x14)] {
            let loaded = fixture.devices.perform(
                MemoryAccess(address: address, size: 4, write: 0x41), &fixture.environment)
            #expect(loaded == 0)
        }
    }

    @Test func eachRedistributorAnswersForItself() {
        var fixture = Fixture(virtualCPUs: 8)
        for number in 0..<8 {
            #expect(fixture.load(Fixture.redistributor(number, 8), size: 8)! >> 32 == UInt64(number))
            fixture.store(Fixture.redistributor(number, 0x1_0100), 1 << UInt64(number))
        }
        for number in 0..<8 { #expect(fixture.environment.virtualCPUs[number].enabled[0] == 1 << UInt32(number)) }
    }

    @Test(arguments: [0, 15, 16, 31, 32, 63, 64, 127]) func anInterruptHasItsWordAndBit(number: Int) {
        let interrupt = InterruptID(number)
        #expect(interrupt.word == number / 32 && interrupt.place == number % 32)
        #expect(interrupt.bit == UInt32(1) << UInt32(number % 32))
    }

    // MARK: Lanes

    /// In any access to registers of 32 bits, each byte belongs to its own register.
    @Test(arguments: [1, 2, 4, 8] as [UInt64]) func everyByteComesFromItsRegister(size: UInt64) {
        func byte(_ offset: UInt64) -> UInt64 { 0x10 + offset }
        for offset in 0..<16 as Range<UInt64> {
            let value = RegisterLanes.read(offset, size: size) { word in
                #expect(word & 3 == 0)
                return (0..<4).reduce(0) { $0 | UInt32(byte(word + $1) << (8 * $1)) }
            }
            let expected = (0..<size).reduce(0) { $0 | byte(offset + $1) << (8 * $1) }
            #expect(value == (offset % size == 0 ? expected : 0))
        }
    }

    @Test(arguments: [1, 2, 4, 8] as [UInt64]) func everyByteGoesToItsRegister(size: UInt64) {
        for offset in 0..<16 as Range<UInt64> {
            var bytes = [UInt64](repeating: 0, count: 24)
            RegisterLanes.write(offset, size: size, 0x8877_6655_4433_2211) { word, value, lanes in
                #expect(word & 3 == 0 && value & ~lanes == 0)
                for place in 0..<4 as Range<UInt64> where lanes >> UInt32(8 * place) & 0xFF != 0 {
                    #expect(lanes >> UInt32(8 * place) & 0xFF == 0xFF && bytes[Int(word + place)] == 0)
                    bytes[Int(word + place)] = UInt64(value >> UInt32(8 * place) & 0xFF)
                }
            }
            for place in 0..<24 as Range<UInt64> {
                let isWritten = offset % size == 0 && place >= offset && place < offset + size
                #expect(bytes[Int(place)] == (isWritten ? 0x11 * (place - offset + 1) : 0))
            }
        }
    }

    @Test func aTestsAccessFillsRegisterZero() {
        let load = MemoryAccess(address: 4, size: 1, write: nil)
        #expect(load.register == 0 && !load.isWrite && load.value == 0 && load.registerValue(0x1FF) == 0xFF)
        let store = MemoryAccess(address: 4, size: 2, write: .max)
        #expect(store.isWrite && store.value == 0xFFFF && store.address == 4 && store.size == 2)
    }

    @Test func aMaskHasTheBytesOfItsSize() {
        #expect([1, 2, 4, 8].map { MemoryAccess.mask(size: $0) } == [0xFF, 0xFFFF, 0xFFFF_FFFF, .max])
    }

    /// Loads of each size, extended in each way. Only the sign of the byte matters.
    @Test(arguments: [0, 1, 2, 3] as [UInt64], [false, true]) func loadsExtend(sizeLog: UInt64, isWide: Bool) throws {
        let bits = 8 << sizeLog
        for isSigned in [false, true] {
            let syndrome: UInt64 =
                0x24 << 26 | 1 << 24 | sizeLog << 22 | (isSigned ? 1 << 21 : 0) | 31 << 16 | (isWide ? 1 << 15 : 0)
            let tag = ExitTag(.memoryAccess, syndrome: syndrome)
            let access = try #require(MemoryAccess(tag: tag, address: 5, value: .max))
            #expect(access.size == 1 << sizeLog && access.register == 31 && access.address == 5 && !access.isWrite)
            for value in [0, 1, 1 << (bits - 1), (1 << (bits - 1)) - 1, .max] as [UInt64] {
                let low = bits == 64 ? value : value & (1 << bits - 1)
                let isNegative = isSigned && low >> UInt64(bits - 1) != 0
                let extended = isNegative && bits < 64 ? low | ~0 << UInt64(bits) : low
                #expect(access.registerValue(value) == (isSigned && !isWide ? extended & 0xFFFF_FFFF : extended))
            }
        }
    }

    // MARK: Output

    private func add(_ batch: inout OutputBatch, _ count: Int, endsLine: Bool = false, foundNoRoom: Bool = false)
        -> OutputBatch.Duty
    {
        var written = OutputBatch.Written()
        #expect(written.isNothing)
        written.count = count
        written.endsLine = endsLine
        written.foundNoRoom = foundNoRoom
        #expect(written.isNothing == (count == 0 && !foundNoRoom))
        return batch.add(written)
    }

    @Test func theReaderIsToldOfTheLastByteThatMakesItMuch() {
        var batch = OutputBatch()
        #expect(add(&batch, 511) == .setDeadline)
        #expect(add(&batch, 1) == .tell)
        // The new count is below the deadline, which is still set.
        #expect(add(&batch, 511) == .none)
        var isDue = batch.deadlinePassed()
        #expect(isDue)
        #expect(add(&batch, 0) == .none)
        isDue = batch.deadlinePassed()
        #expect(!isDue)
        #expect(add(&batch, 511) == .setDeadline)
        #expect(add(&batch, 2) == .tell)
    }

    @Test func eachReasonToTellEndsTheCount() {
        for (endsLine, foundNoRoom) in [(true, false), (false, true)] {
            var batch = OutputBatch()
            #expect(add(&batch, 300) == .setDeadline)
            #expect(add(&batch, 1, endsLine: endsLine, foundNoRoom: foundNoRoom) == .tell)
            #expect(add(&batch, 300) == .none)
        }
    }

    // MARK: Resets

    /// The time within which a reset has to wait ends with its last tick. Ticks are those of the clock.
    @Test func theSpanIsTenSeconds() {
        for ticks in [1, 7] as [UInt64] {
            var backoff = ResetBackoff(ticksPerMillisecond: ticks)
            #expect(backoff.reset(at: 5 * ticks) == 0)
            #expect(backoff.reset(at: 5 * ticks + 10_000 * ticks - 1) == 100 * ticks)
            let start = 5 * ticks + 10_000 * ticks - 1 + 100 * ticks
            #expect(backoff.reset(at: start + 10_000 * ticks) == 0)
            #expect(backoff.reset(at: start + 20_000 * ticks) == 0)
            #expect(backoff.reset(at: start + 20_000 * ticks) == 100 * ticks)
            #expect(backoff.reset(at: start + 20_100 * ticks) == 200 * ticks)
        }
    }

    // MARK: The lock

    @Test func waitersOfOneKindDoNotMeetTheOther() {
        #expect(Waiters.virtualCPU(7).notificationBits == 0 && Waiters.notification(1).notificationBits == 1)
        for number in 0..<8 {
            let waiter = Waiters.virtualCPU(number)
            #expect((0..<8).filter { waiter.contains(virtualCPU: $0) } == [number])
            #expect(!Waiters.notification(0xFFFF_FFFF_FFFF).contains(virtualCPU: number))
        }
        #expect(Waiters.none.isNone && Waiters.none.notificationBits == 0)
    }

    @Test(arguments: 0..<48 as Range<UInt64>) func aWaiterKeepsEachBitOfANotification(bit: UInt64) {
        let waiter = Waiters.notification(1 << bit)
        #expect(waiter.notificationBits == 1 << bit && !waiter.isNone)
        #expect(!(0..<8).contains { waiter.contains(virtualCPU: $0) })
    }

    @Test func aPieceOfAMachinesMemoryIsABlockOfItsTables() {
        let nothing = MemoryRange(base: 0, size: 0)
        var plan = LoadingPlan(
            memory: MemoryRange(base: 0, size: 2 << 20 + 1), maps: false, segments: InlineArray(repeating: nothing))
        var pieces: [LoadingPlan.Piece?] = []
        for _ in 0..<4 { pieces.append(plan.next()) }
        #expect(pieces == [.clear(offset: 0, size: 2 << 20), .clear(offset: 2 << 20, size: 1), nil, nil])
        #expect(plan.isDone)
    }
}
