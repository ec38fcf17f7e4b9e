import Foundation

@testable import Entente

/// Sees the accesses of one side of a ring, in their order, and lets the peer act before one of them.
///
/// The peer's own accesses are not recorded. Every run of a test is the same, because there is no second thread.
final class AccessRecorder: @unchecked Sendable {
    private(set) var accesses: [String] = []
    /// The peer acts before access number `peerStep`; nil: never.
    private let peerStep: Int?
    private let peer: () -> Void
    private let name: (UInt) -> String
    private var isPeersTurn = false
    /// Whether there were so many accesses that the peer's turn came.
    private(set) var peerHasActed = false

    init(
        before peerStep: Int? = nil, naming name: @escaping (UInt) -> String = { _ in "" },
        peer: @escaping () -> Void = {}
    ) {
        (self.peerStep, self.name, self.peer) = (peerStep, name, peer)
    }

    /// Runs `body` and sees its accesses. Not specialised, because the optimiser makes code that traps of a
    /// task-local value's scope then.
    @inline(never) @_semantics("optimize.sil.specialize.generic.never")
    func run<Result>(_ body: () throws -> Result) rethrows -> Result {
        try SharedAccess.$observer.withValue({ self.see($0) }, operation: body)
    }

    private func see(_ access: SharedAccess) {
        guard !isPeersTurn else { return }
        if accesses.count == peerStep {
            isPeersTurn = true
            peerHasActed = true
            peer()
            isPeersTurn = false
        }
        let change = access.stored.map { " = \($0)" } ?? ""
        accesses.append("\(name(access.address))\(change) \(access.ordering)")
    }
}

/// Plays the peer before each access of an operation in turn, and at last not at all.
///
/// - Parameter body: plays it once with the number of the access, and returns whether the peer's turn came.
func playingThePeerBeforeEachAccess(_ body: (Int) throws -> Bool) rethrows -> Int {
    var step = 0
    while try body(step) { step += 1 }
    return step
}

/// Memory for a ring and for the counts of its ends' deaths.
final class RingBlock: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let size: Int

    init(_ size: Int) {
        self.size = size
        base = .allocate(byteCount: size + 16, alignment: 64)
        memset(base, 0, size + 16)
    }

    deinit { base.deallocate() }

    // SAFETY: the memory lives as long as this object, which the tests keep to their end.
    var memory: SharedMemory { unsafe SharedMemory(base: base, size: size) }
    private var lives: SharedMemory { unsafe SharedMemory(base: base + size, size: 16) }

    func life(of end: PeerLife.End) -> PeerLife { PeerLife(lives: lives, end: end) }
    /// Root counts the death of an end.
    func countDeath(of end: PeerLife.End) { lives[end == .client ? 0 : 8] += 1 }

    /// Names a place of the ring, for what a recorder writes down.
    func name(_ address: UInt) -> String {
        let offset = Int(address) - Int(bitPattern: base)
        return switch offset {
        case RingLayout.head: "head"
        case RingLayout.tail: "tail"
        case RingLayout.consumerSleeps: "consumerSleeps"
        case RingLayout.producerSleeps: "producerSleeps"
        case RingLayout.data..<size: "word \((offset - RingLayout.data) / 8)"
        case size: "client's life"
        case size + 8: "server's life"
        default: "nothing"
        }
    }
}

/// An element of two words that belong together, so that a mixture of two elements is noticed.
struct Point: RingElement, Equatable {
    var x: UInt64
    var y: UInt64
    static var wordCount: Int { 2 }
    func word(_ index: Int) -> UInt64 { index == 0 ? x : y }
    init(x: UInt64) { (self.x, y) = (x, ~x) }
    /// Words that do not belong together are none.
    init?(words: RingWords) {
        guard words[1] == ~words[0] else { return nil }
        (x, y) = (words[0], words[1])
    }
}

/// Both sides of a ring of four points, which wake each other by events 1 (the consumer) and 2 (the producer).
final class RingSides: @unchecked Sendable {
    let block = RingBlock(RingLayout.data + 4 * 16)
    var producer: RingProducer<Point>
    var consumer: RingConsumer<Point>
    static let consumerIsWoken = Events.number(1)
    static let producerIsWoken = Events.number(2)

    /// - Parameters:
    ///   - first: what both counters are at the start.
    ///   - count: elements that are in it: `first`, `first + 1` and so on.
    init(first: UInt32 = 0, count: UInt32 = 0) {
        producer = RingProducer(
            block.memory, consumer: .own, events: Self.consumerIsWoken, peer: block.life(of: .server))
        consumer = RingConsumer(
            block.memory, producer: .own, events: Self.producerIsWoken, peer: block.life(of: .client))
        (producer.head, consumer.tail) = (first, first)
        block.memory.store(first, RingLayout.head)
        block.memory.store(first, RingLayout.tail)
        for index in 0..<count { _ = try? producer.put(Point(x: UInt64(first &+ index))) }
    }

    /// Takes one; nil if the ring is empty or what came is malformed.
    func take() -> UInt64? {
        guard case .element(let point)? = try? consumer.take() else { return nil }
        return point.x
    }

    func recorder(before step: Int? = nil, peer: @escaping () -> Void = {}) -> AccessRecorder {
        AccessRecorder(before: step, naming: block.name, peer: peer)
    }
}
