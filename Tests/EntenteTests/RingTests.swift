import Foundation
import Synchronization
import Testing

@testable import Entente
import EntenteTesting

@Suite struct RingTests {
    /// Memory for a ring, shared by the threads of a test.
    private final class Block: @unchecked Sendable {
        let base: UnsafeMutableRawPointer
        let size: Int
        init(_ size: Int) {
            self.size = size
            base = .allocate(byteCount: size, alignment: 64)
            memset(base, 0, size)
        }
        deinit { base.deallocate() }
        // SAFETY: the block has `size` bytes, and each test keeps it as long as the memory.
        var memory: SharedMemory { unsafe SharedMemory(base: base, size: size) }
    }

    private let kernel = FakeKernel()

    @Test func carriesElementsInOrder() throws {
        let block = Block(256 + 8 * 8)
        let component = kernel.component("both")
        try component.run { () throws in
            let producer = RingProducer<UInt64>(block.memory, consumer: .own, events: .number(1))
            let consumer = RingConsumer<UInt64>(block.memory, producer: .own, events: .number(2))
            #expect(producer.capacity == 8)
            for round in 0..<100 as Range<UInt64> {
                for index in 0..<8 as Range<UInt64> { #expect(try producer.put(round * 8 + index)) }
                #expect(try !producer.put(0))
                for index in 0..<8 as Range<UInt64> {
                    guard case .element(let element) = try consumer.take() else {
                        Issue.record("nothing came")
                        return
                    }
                    #expect(element == round * 8 + index)
                }
                guard case .empty = try consumer.take() else {
                    Issue.record("something is left")
                    return
                }
            }
        }
    }

    @Test func wakesOnlyWhoSleeps() throws {
        let block = Block(4096)
        let component = kernel.component("both")
        try component.run { () throws in
            let producer = RingProducer<UInt64>(block.memory, consumer: .own, events: .number(1))
            let consumer = RingConsumer<UInt64>(block.memory, producer: .own, events: .number(2))
            _ = try producer.put(1)
            #expect(Notification.own.poll() == Events(bits: 0))
            #expect(try !consumer.willSleep())
            _ = try consumer.take()
            #expect(try consumer.willSleep())
            _ = try producer.put(2)
            _ = try producer.put(3)
            #expect(Notification.own.poll() == .number(1))
            while try producer.put(4) {}
            #expect(try producer.willSleep())
            _ = try consumer.take()
            #expect(Notification.own.poll() == .number(2))
        }
    }

    @Test func twoThreadsLoseNothing() throws {
        let block = Block(256 + 16 * 16)
        let count: UInt64 = 5_000
        let isDone = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            FakeKernel().component("producer").run {
                let producer = RingProducer<Point>(block.memory, consumer: .own)
                var next: UInt64 = 0
                while next < count {
                    if (try? producer.put(Point(x: next))) == true { next += 1 } else { sched_yield() }
                }
            }
            isDone.signal()
        }
        FakeKernel().component("consumer").run {
            let consumer = RingConsumer<Point>(block.memory, producer: .own)
            var next: UInt64 = 0
            while next < count {
                switch try? consumer.take() {
                case .element(let point):
                    #expect(point == Point(x: next))
                    next += 1
                case .malformed, nil:
                    Issue.record("what came is not what was put")
                    return
                case .empty: sched_yield()
                }
            }
        }
        isDone.wait()
    }

    /// A peer writes anything anywhere at any moment. The honest side gets elements that its type allows, or an error,
    /// and touches nothing beyond the ring's memory.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func aHostilePeerHurtsNobody(seed: UInt64) {
        var random = Seeded(seed)
        let size = 256 + 16 * Int(1 + random.below(40)) + Int(random.below(16))
        let guarded = Block(size + 128)
        memset(guarded.base, 0xA5, guarded.size)
        memset(guarded.base + 64, 0, size)
        // SAFETY: the block has 64 more bytes on both sides, and the test reads it to its end.
        let memory = unsafe SharedMemory(base: guarded.base + 64, size: size)
        kernel.component("honest").run {
            let producer = RingProducer<Point>(memory, consumer: .own)
            let consumer = RingConsumer<Point>(memory, producer: .own)
            for step in 0..<2000 as Range<UInt64> {
                if random.chance(3) { scribble(memory, &random) }
                switch random.below(4) {
                case 0: _ = try? producer.put(Point(x: step))
                case 1:
                    if case .element(let point)? = try? consumer.take() { #expect(point.y == ~point.x) }
                case 2: if let room = try? producer.room() { #expect(room <= producer.capacity) }
                default: if let count = try? consumer.count() { #expect(count <= consumer.capacity) }
                }
            }
        }
        for offset in 0..<64 {
            #expect(guarded.base.load(fromByteOffset: offset, as: UInt8.self) == 0xA5)
            #expect(guarded.base.load(fromByteOffset: 64 + size + offset, as: UInt8.self) == 0xA5)
        }
    }

    private func scribble(_ memory: SharedMemory, _ random: inout Seeded) {
        let places = [RingLayout.head, RingLayout.tail, RingLayout.consumerSleeps, RingLayout.producerSleeps]
        if random.chance(2) {
            memory.store(
                random.chance(2) ? UInt32(random.below(64)) : UInt32(truncatingIfNeeded: random.next()),
                places[Int(random.below(4))])
        } else {
            memory[Int(random.below(UInt64(memory.size / 8))) * 8] = random.next()
        }
    }

    /// A malformed element is removed as well: its place is free, and a producer that waits for a place is woken.
    @Test func aMalformedElementIsTaken() throws {
        try kernel.component("both").run { () throws in
            let sides = RingSides(count: 4)
            #expect(try sides.producer.willSleep())
            sides.block.memory[RingLayout.data] = 77
            guard case .malformed = try sides.consumer.take() else {
                Issue.record("words that do not belong together were an element")
                return
            }
            #expect(Notification.own.poll() == RingSides.producerIsWoken)
            #expect(try sides.producer.room() == 1 && sides.consumer.count() == 3)
            for number in 1..<4 as Range<UInt64> { #expect(sides.take() == number) }
        }
    }

    @Test func sharedMemoryHasWholeWords() {
        for size in [0, 7, 8, 15, 16, 23] {
            // SAFETY: the test asks only for the size, and nothing accesses the memory.
            let memory = unsafe SharedMemory(base: Block(64).base, size: size)
            #expect(memory.size == size / 8 * 8)
        }
    }

    @Test func aBrokenPeerStaysBroken() {
        let block = Block(4096)
        kernel.component("honest").run {
            let consumer = RingConsumer<UInt64>(block.memory, producer: .own)
            block.memory.store(100_000, RingLayout.head)
            #expect(throws: RingError.peerBroken) { try consumer.count() }
            block.memory.store(0, RingLayout.head)
            #expect(throws: RingError.peerBroken) { try consumer.count() }
        }
    }

    @Test(arguments: [0, 8, 256, 263])
    func memoryThatIsTooSmallHoldsNothing(size: Int) {
        let block = Block(max(size, 8))
        // SAFETY: the test asks only for the capacity, which follows from the size; nothing accesses the memory.
        let memory = unsafe SharedMemory(base: block.base, size: size)
        #expect(RingLayout.capacity(of: memory, wordCount: 1) == 0)
    }
}
