import Foundation

@testable import Entente

/// Records the accesses of one side of a ring in their order, and lets the peer act before one of them.
///
/// It does not record the peer's own accesses. Every run of a test is the same, because there is no second thread.
final class AccessRecorder: @unchecked Sendable {
    private(set) var accesses: [String] = []
    /// The number of the access before which the peer acts; nil for never.
    private let peerStep: Int?
    private let peer: () -> Void
    private let name: (UInt) -> String
    private var isPeersTurn = false
    /// True if there were so many accesses that the peer's turn came.
    private(set) var peerHasActed = false

    init(
        before peerStep: Int? = nil, naming name: @escaping (UInt) -> String = { _ in "" },
        peer: @escaping () -> Void = {}
    ) {
        (self.peerStep, self.name, self.peer) = (peerStep, name, peer)
    }

    /// Runs `body` and records its accesses. It is not specialised, because the optimiser would turn the scope of a
    /// task-local value into code that traps.
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
/// - Parameter body: performs the operation once with the number of the access, and returns true if the peer's turn
///   came.
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
    /// Counts the death of an end, as root does.
    func countDeath(of end: PeerLife.End) { lives[end == .client ? 0 : 8] += 1 }

    /// Returns the name of a place of the ring, for the recorder's notes.
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
    /// Returns nil for words that do not belong together.
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

    /// Makes a ring.
    ///
    /// - Parameters:
    ///   - first: the value of both counters at the start.
    ///   - count: the number of elements in the ring: `first`, `first + 1` and so on.
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

    /// Takes an element. Returns nil if the ring is empty or the element is malformed.
    func take() -> UInt64? {
        guard case .element(let point)? = try? consumer.take() else { return nil }
        return point.x
    }

    func recorder(before step: Int? = nil, peer: @escaping () -> Void = {}) -> AccessRecorder {
        AccessRecorder(before: step, naming: block.name, peer: peer)
    }
}
