import Testing

@testable import Entente
import EntenteTesting

/// A peer publishes counters that it cannot have. The ring is unusable from then on, even if the counter becomes right
/// again.
@Suite struct RingLieTests {
    private let component = FakeKernel().component("both")

    /// The first values of a counter, at the wrap of 32 bits and in the middle.
    static let starts: [UInt32] = [0, 1, 2, .max, .max - 3, .max - 7, 1 << 31, 1 << 31 - 2]

    /// Distances from head to tail that a ring of four elements cannot have, because they exceed its capacity or are
    /// negative.
    static let lies: [UInt32] = [5, 6, 8, 1 << 31 - 1, 1 << 31, 1 << 31 + 1, .max - 4, .max - 1, .max]

    private typealias Operation = (name: String, run: (RingSides) throws -> Void)

    private let producing: [Operation] = [
        ("put", { _ = try $0.producer.put(Point(x: 9)) }), ("room", { _ = try $0.producer.room() }),
        ("willSleep", { _ = try $0.producer.willSleep() }),
    ]
    private let consuming: [Operation] = [
        ("take", { _ = try $0.consumer.take() }), ("count", { _ = try $0.consumer.count() }),
        ("willSleep", { _ = try $0.consumer.willSleep() }),
    ]

    /// Expects that the first operation finds the lie, and that the ring stays broken after the counter is right again.
    private func expectBroken(
        _ operations: [Operation], _ make: () -> RingSides, lie: (RingSides) -> Void, truth: (RingSides) -> Void
    ) {
        for first in operations {
            let sides = make()
            lie(sides)
            #expect(throws: RingError.peerBroken, "\(first.name)") { try first.run(sides) }
            truth(sides)
            for later in operations {
                let recorder = sides.recorder()
                #expect(throws: RingError.peerBroken, "\(later.name) after \(first.name)") {
                    try recorder.run { () throws in try later.run(sides) }
                }
                let isTouched = recorder.accesses.contains { access in
                    access.contains("word") || access.contains("head =") || access.contains("tail =")
                }
                #expect(!isTouched, "\(later.name) after \(first.name)")
            }
        }
    }

    @Test(arguments: starts)
    func aProducersPeerStaysBroken(first: UInt32) {
        component.run {
            for count in [0, 3, 4] as [UInt32] {
                for distance in Self.lies {
                    expectBroken(producing, { RingSides(first: first, count: count) }) {
                        $0.block.memory.store(first &+ count &- distance, RingLayout.tail)
                    } truth: {
                        $0.block.memory.store(first, RingLayout.tail)
                    }
                }
            }
        }
    }

    @Test(arguments: starts)
    func aConsumersPeerStaysBroken(first: UInt32) {
        component.run {
            for count in [0, 3, 4] as [UInt32] {
                for distance in Self.lies {
                    expectBroken(consuming, { RingSides(first: first, count: count) }) {
                        $0.block.memory.store(first &+ distance, RingLayout.head)
                    } truth: {
                        $0.block.memory.store(first &+ count, RingLayout.head)
                    }
                }
            }
        }
    }

    /// Both sides accept each distance that a ring can have, at the wrap as well.
    @Test(arguments: starts)
    func eachPossibleCounterIsBelieved(first: UInt32) throws {
        try component.run { () throws in
            for distance in 0...4 as ClosedRange<UInt32> {
                let sides = RingSides(first: first, count: 4)
                sides.block.memory.store(first &+ 4 &- distance, RingLayout.tail)
                #expect(try sides.producer.room() == 4 - distance)
                #expect(try sides.producer.put(Point(x: 9)) == (distance < 4))

                let other = RingSides(first: first)
                other.block.memory.store(first &+ distance, RingLayout.head)
                #expect(try other.consumer.count() == distance)
                #expect(try other.consumer.willSleep() == (distance == 0))
            }
        }
    }

    @Test(arguments: starts)
    func elementsCrossTheWrapOfTheCounters(first: UInt32) throws {
        try component.run { () throws in
            let sides = RingSides(first: first)
            for round in 0..<5 as Range<UInt64> {
                for index in 0..<4 as Range<UInt64> { #expect(try sides.producer.put(Point(x: 4 * round + index))) }
                #expect(try !sides.producer.put(Point(x: 99)))
                for index in 0..<4 as Range<UInt64> { #expect(sides.take() == 4 * round + index) }
                #expect(sides.take() == nil)
            }
            #expect(sides.block.memory.load(RingLayout.head) == first &+ 20)
            #expect(sides.block.memory.load(RingLayout.tail) == first &+ 20)
        }
    }

    /// A lie between any two accesses ends in elements or in an error, and the next look at the counter finds it.
    @Test func aLieAtAnyMomentIsFoundAtTheNextLook() throws {
        for distance in Self.lies {
            for operation in producing {
                let steps = playingThePeerBeforeEachAccess { step in
                    let sides = component.run { RingSides(count: 3) }
                    let recorder = sides.recorder(before: step) {
                        sides.block.memory.store(3 &- distance, RingLayout.tail)
                    }
                    component.run {
                        try? recorder.run { () throws in try operation.run(sides) }
                        guard recorder.peerHasActed else { return }
                        // If one more element was put meanwhile, a lie of five may have become true.
                        let waiting = distance &+ (recorder.accesses.last { $0.hasPrefix("head =") } == nil ? 0 : 1)
                        if waiting > 4 {
                            #expect(throws: RingError.peerBroken) { try sides.producer.room() }
                        }
                    }
                    return recorder.peerHasActed
                }
                #expect(steps >= 2)
            }
        }
    }

    // MARK: Sizes

    @Test func aRingHoldsThePowerOfTwoThatFits() {
        for (bytes, words, capacity) in [
            (256 + 8, 1, 1), (256 + 7 * 8, 1, 4), (256 + 8 * 8, 1, 8), (256 + 9 * 8, 1, 8), (256 + 15 * 8, 2, 4),
            (256 + 16 * 8, 2, 8), (256 + 64 * 8, 64, 1), (256 + 63 * 8, 64, 0), (256 + 1024, 65, 0), (256 + 1024, 0, 0),
            (256 + 1024, -1, 0), (256, 1, 0), (0, 1, 0),
        ] {
            // SAFETY: the capacity is computed of the size alone, and nothing is read or written.
            let memory = unsafe SharedMemory(base: UnsafeMutableRawPointer(bitPattern: 4096)!, size: bytes)
            #expect(RingLayout.capacity(of: memory, wordCount: words) == UInt32(capacity), "\(bytes), \(words)")
        }
        let large = unsafe SharedMemory(base: UnsafeMutableRawPointer(bitPattern: 4096)!, size: 1 << 40)
        #expect(RingLayout.capacity(of: large, wordCount: 1) == 1 << 24)
    }

    @Test func aRingWithoutPlacesTakesNothing() throws {
        let block = RingBlock(RingLayout.data + 8)
        try component.run { () throws in
            let producer = RingProducer<Point>(block.memory, consumer: .own)
            let consumer = RingConsumer<Point>(block.memory, producer: .own)
            #expect(try !producer.put(Point(x: 1)) && producer.room() == 0)
            guard case .empty = try consumer.take() else {
                Issue.record("something came")
                return
            }
        }
    }
}
