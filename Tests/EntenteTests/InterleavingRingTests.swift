import ABI
import EntenteTesting
import Foundation
import Interleaving
import Testing

@testable import Entente

/// The two sides of a ring run on two cores at once. `RingPeerTests` plays whole operations of the peer. Here either
/// side may go on at any access, and each sees accesses of the other late if Armv8 allows that.
@Suite struct InterleavingRingTests {
    private static let count: UInt64 = 3

    /// A ring of one or two points, with a component for each side.
    private final class Pair: @unchecked Sendable {
        let block: RingBlock
        let producer = FakeKernel().component("producer"), consumer = FakeKernel().component("consumer")
        var put: RingProducer<Point>
        var take: RingConsumer<Point>
        var taken: [UInt64?] = []
        var failures: [String] = []
        private let capacity: Int
        private let first: UInt32

        init(capacity: Int, first: UInt32 = 0) {
            (self.capacity, self.first) = (capacity, first)
            block = RingBlock(RingLayout.data + capacity * 16)
            put = RingProducer(block.memory, consumer: .own, events: Pair.woken)
            take = RingConsumer(block.memory, producer: .own, events: Pair.woken)
            begin()
        }

        static let woken = Events.number(1)

        func begin() {
            put = RingProducer(block.memory, consumer: .own, events: Pair.woken)
            take = RingConsumer(block.memory, producer: .own, events: Pair.woken)
            (put.head, take.tail) = (first, first)
            for offset in stride(from: 0, to: RingLayout.data + capacity * 16, by: 8) { block.memory[offset] = 0 }
            block.memory.store(first, RingLayout.head)
            block.memory.store(first, RingLayout.tail)
            (taken, failures) = ([], [])
            for component in [producer, consumer] { component.run { _ = Notification.own.poll() } }
        }

        /// Returns true if the other side has raised an event in this component's notification.
        private func isWoken(_ peer: FakeComponent) -> Bool {
            Interleaving.wait { peer.raised.bits != 0 }
        }

        /// Puts the numbers 1…`count`, and sleeps while the ring is full.
        func produce(_ count: UInt64) {
            producer.run {
                for number in 1...count {
                    while true {
                        guard let isPut = try? put.put(Point(x: number)) else {
                            return failures.append("the producer is lost")
                        }
                        if isPut { break }
                        guard (try? put.willSleep()) == true else { continue }
                        guard isWoken(consumer) else { return failures.append("the producer sleeps for ever") }
                        consumer.run { _ = Notification.own.poll() }
                    }
                }
            }
        }

        /// Takes `count` elements, and sleeps while there is none.
        func consume(_ count: UInt64) {
            consumer.run {
                while taken.count < Int(count) {
                    switch try? take.take() {
                    case .element(let point): taken.append(point.x)
                    case .malformed: taken.append(nil)
                    case .empty:
                        guard (try? take.willSleep()) == true else { continue }
                        guard isWoken(producer) else { return failures.append("the consumer sleeps for ever") }
                        producer.run { _ = Notification.own.poll() }
                    case nil: return failures.append("the consumer is lost")
                    }
                }
            }
        }
    }

    private func explore(capacity: Int, first: UInt32 = 0, sourceLocation: SourceLocation = #_sourceLocation) {
        let pair = Pair(capacity: capacity, first: first)
        let scenario = Scenario(
            cores: 2, reset: { pair.begin() },
            body: { $0 == 0 ? pair.produce(Self.count) : pair.consume(Self.count) },
            check: {
                if let failure = pair.failures.first { return failure }
                return pair.taken == (1...Self.count).map { $0 } ? nil : "taken: \(pair.taken)"
            },
            name: { pair.block.name($0) })
        scenario.exploreHere(sourceLocation)
    }

    /// Each put waits for the take before it.
    @Test func aRingOfOneLosesNothingAndNobodySleepsForEver() { explore(capacity: 1) }
    @Test func aRingOfTwoLosesNothingAndNobodySleepsForEver() { explore(capacity: 2) }
    @Test func countersWrapMeanwhile() { explore(capacity: 2, first: .max) }
}

/// Tests that a console queue neither loses nor invents bytes. It has no sleepers.
@Suite struct InterleavingConsoleQueueTests {
    /// A page with a console queue that is nearly full, so that the producer comes to its limit.
    private final class Page: @unchecked Sendable {
        let base = UnsafeMutableRawPointer.allocate(
            byteCount: Int(ConsoleQueue.size), alignment: Int(ConsoleQueue.size))
        let end: ConsoleQueueEnd
        var taken: [UInt8] = []
        var put: [UInt8] = []

        init() {
            end = ConsoleQueueEnd(page: UInt64(UInt(bitPattern: base)))
            begin(0)
        }
        deinit { base.deallocate() }

        /// Fills the queue.
        ///
        /// - Parameter waiting: the number of bytes that wait in it. All bytes are 0xEE.
        func begin(_ waiting: Int) {
            base.initializeMemory(as: UInt8.self, repeating: 0, count: Int(ConsoleQueue.size))
            base.storeBytes(of: 0xFFFF_FFFF - 1, toByteOffset: Int(ConsoleQueue.tail), as: UInt32.self)
            memset(base + Int(ConsoleQueue.data), 0xEE, Int(ConsoleQueue.capacity))
            let head: UInt32 = 0xFFFF_FFFF - 1
            base.storeBytes(of: head &+ UInt32(waiting), toByteOffset: Int(ConsoleQueue.head), as: UInt32.self)
            (taken, put) = ([], [])
        }
    }

    private func explore(waiting: Int, takes: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let page = Page()
        let scenario = Scenario(
            cores: 2, reset: { page.begin(waiting) },
            body: { core in
                if core == 0 {
                    for byte in 1...4 as ClosedRange<UInt8> where page.end.put(byte) { page.put.append(byte) }
                } else {
                    for _ in 0..<takes { if let byte = page.end.take() { page.taken.append(byte) } }
                    if page.end.count > ConsoleQueue.capacity { page.taken.append(0) }
                }
            },
            check: {
                let taken = page.taken.filter { $0 != 0xEE }, old = page.taken.count - taken.count
                guard old <= waiting, taken == Array(page.put.prefix(taken.count)) else {
                    return "taken \(page.taken), put \(page.put)"
                }
                // The rest comes out in order.
                var rest: [UInt8] = []
                while let byte = page.end.take() { rest.append(byte) }
                let all = page.taken + rest
                return all == Array(repeating: 0xEE, count: waiting) + page.put
                    ? nil : "\(all.suffix(8)) for \(page.put)"
            })
        scenario.exploreHere(sourceLocation)
    }

    @Test func bytesComeOutWholeAndInOrder() { explore(waiting: 0, takes: 3) }
    @Test func aFullRingTakesNothingOverWhatWaits() { explore(waiting: Int(ConsoleQueue.capacity) - 1, takes: 3) }
}

extension Scenario {
    /// Plays the scenario's schedules. A failure becomes an issue of the test.
    func exploreHere(_ sourceLocation: SourceLocation) {
        let extent =
            Extent.isFull
            ? Extent(deviations: 3, schedules: 40_000, random: 4000) : Extent(deviations: 2, schedules: 400, random: 40)
        let result = explore(extent)
        if let failure = result.failure { Issue.record("\(failure)", sourceLocation: sourceLocation) }
        if Extent.isReported {
            print("interleavings: \(sourceLocation.fileName):\(sourceLocation.line)", result.summary)
        }
    }
}
