import ABI

// The backend's memory of the chains that it has taken and not used yet. It outlives the backend, so that the next life
// of a backend that died at any instruction performs exactly these chains again. Nobody else can access it.
//
// The chains that are marked here and the number of used chains say all: a queue takes the chains in their order, so it
// has taken as many as it has used and marked together.

/// The layout of the record of one queue.
public enum InFlightLayout {
    public static let recordSize = 64
    /// The size of the memory of all queues of all slots, in bytes.
    public static let size = VirtioPages.slots * VirtioPages.maximumQueues * recordSize

    /// The life of the queue (`VirtioControl.life`) to which the record belongs. It is written last.
    static let life = 0
    /// The number of used chains in bits 0…15. While the device gives a chain back, bit 32 is set, and bits 16…31 are
    /// the chain's first descriptor.
    static let progress = 8
    /// Four words with a bit for each chain that was taken and is not used yet, by its first descriptor.
    static let marks = 16
}

/// The memory for in-flight records. Stores of one life are seen by the next one in their order.
public protocol LastingMemory {
    func load(_ offset: Int) -> UInt64
    /// Stores a word after all earlier stores and before all later ones.
    func store(_ value: UInt64, _ offset: Int)
}

/// The chains of a queue, by their first descriptors.
public struct ChainSet: Equatable, Sendable {
    private var words = InlineArray<4, UInt64>(repeating: 0)

    public init() {}

    public static func == (left: ChainSet, right: ChainSet) -> Bool {
        for word in 0..<4 where left.words[word] != right.words[word] { return false }
        return true
    }

    @inline(__always) private static func bit(_ head: UInt16) -> UInt64 { 1 &<< UInt64(head & 63) }

    /// - Parameter head: below 256.
    @inline(__always)
    public func contains(_ head: UInt16) -> Bool { words[Int(head >> 6)] & ChainSet.bit(head) != 0 }
    @inline(__always)
    mutating func insert(_ head: UInt16) { words[Int(head >> 6)] |= ChainSet.bit(head) }
    @inline(__always)
    mutating func remove(_ head: UInt16) { words[Int(head >> 6)] &= ~ChainSet.bit(head) }

    @inline(__always) func word(of head: UInt16) -> UInt64 { words[Int(head >> 6)] }
    mutating func setWord(_ index: Int, _ value: UInt64) { words[index] = value }

    public var count: Int {
        words[0].nonzeroBitCount + words[1].nonzeroBitCount + words[2].nonzeroBitCount + words[3].nonzeroBitCount
    }

    /// The lowest member; nil if there is none.
    public var first: UInt16? {
        for index in 0..<4 where words[index] != 0 {
            return UInt16(truncatingIfNeeded: index &* 64 &+ words[index].trailingZeroBitCount)
        }
        return nil
    }
}

/// The record of one queue, with a copy of the marks that this life has made.
struct InFlightRecord {
    private let base: Int
    private(set) var marks = ChainSet()
    private var used: UInt16 = 0

    private static let isReturning: UInt64 = 1 << 32

    /// - Parameters:
    ///   - slot: the virtio slot, 0…7.
    ///   - queue: 0…7.
    init(slot: Int, queue: Int) {
        base = (slot &* VirtioPages.maximumQueues &+ queue) &* InFlightLayout.recordSize
    }

    private func mark(_ word: Int) -> Int { base &+ InFlightLayout.marks &+ 8 &* word }

    /// Begins the record of a queue's new life.
    mutating func begin<Memory: LastingMemory>(life: UInt64, _ memory: Memory) {
        (marks, used) = (ChainSet(), 0)
        // A record that is begun halfway must not count as one of either life. No queue that is ready has life 0.
        memory.store(0, base &+ InFlightLayout.life)
        for word in 0..<4 { memory.store(0, mark(word)) }
        memory.store(0, base &+ InFlightLayout.progress)
        memory.store(life, base &+ InFlightLayout.life)
    }

    /// Reads the record that an earlier life of the backend has left. Returns nil if it belongs to another life of the
    /// queue.
    ///
    /// If that life died while it gave a chain back, the used index in the guest's memory decides whether the guest has
    /// the chain. A guest that writes this index itself loses or repeats only its own request.
    /// - Parameter publishedIndex: reads that index, if it is needed.
    /// - Returns: the numbers of taken and used chains, modulo 2¹⁶.
    mutating func resume<Memory: LastingMemory>(
        life: UInt64, _ memory: Memory, publishedIndex: () -> UInt16
    ) -> (taken: UInt16, used: UInt16)? {
        guard memory.load(base &+ InFlightLayout.life) == life else { return nil }
        for word in 0..<4 { marks.setWord(word, memory.load(mark(word))) }
        let progress = memory.load(base &+ InFlightLayout.progress)
        used = UInt16(truncatingIfNeeded: progress)
        if progress & InFlightRecord.isReturning != 0 {
            if publishedIndex() == used &+ 1 {
                finish(UInt16(truncatingIfNeeded: progress >> 16) & 255, memory)
            } else {
                memory.store(UInt64(used), base &+ InFlightLayout.progress)
            }
        }
        return (used &+ UInt16(truncatingIfNeeded: marks.count), used)
    }

    /// Marks a chain as taken. From then on the next life performs it if this one does not.
    @inline(__always)
    mutating func take<Memory: LastingMemory>(_ head: UInt16, _ memory: Memory) {
        marks.insert(head)
        memory.store(marks.word(of: head), mark(Int(head >> 6)))
    }

    /// Announces that the device gives a chain back to the guest. The caller publishes the used index next.
    @inline(__always)
    func announce<Memory: LastingMemory>(_ head: UInt16, _ memory: Memory) {
        memory.store(
            UInt64(used) | UInt64(head) << 16 | InFlightRecord.isReturning, base &+ InFlightLayout.progress)
    }

    /// Removes the mark of a chain that the guest has now.
    @inline(__always)
    mutating func finish<Memory: LastingMemory>(_ head: UInt16, _ memory: Memory) {
        marks.remove(head)
        memory.store(marks.word(of: head), mark(Int(head >> 6)))
        used &+= 1
        memory.store(UInt64(used), base &+ InFlightLayout.progress)
    }
}
