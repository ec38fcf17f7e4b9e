import ABI

/// Divides the filling of a machine's RAM into pieces, so that each can be charged to the machine: first all RAM is
/// cleared, and mapped before that if it is not mapped yet, then each segment is copied. Pieces that a segment
/// overwrites are not cleared.
public struct LoadingPlan {
    public enum Piece: Equatable {
        /// `offset` is from the start of RAM.
        case clear(offset: UInt64, size: UInt64)
        /// The same of RAM that is to be mapped first; `clears` is false if a segment will overwrite all of it.
        case map(offset: UInt64, size: UInt64, clears: Bool)
        /// `offset` is from the start of the segment.
        case copy(segment: Int, offset: UInt64, size: UInt64)
    }

    /// No piece is larger, and all but the last of a segment have this size: what one entry of a page table maps.
    public static let pieceSize: UInt64 = 2 << 20

    private let memory: MemoryRange
    private let maps: Bool
    private let segments: InlineArray<8, MemoryRange>
    /// -1: RAM is being cleared.
    private var segment = -1
    private var offset: UInt64 = 0

    /// - Parameters:
    ///   - memory: the machine's RAM; of size 0: none is cleared.
    ///   - maps: whether RAM is to be mapped, too.
    ///   - segments: the guest-physical addresses that each fills; of size 0: it does not exist.
    public init(memory: MemoryRange, maps: Bool, segments: InlineArray<8, MemoryRange>) {
        self.memory = memory
        self.maps = maps
        self.segments = segments
        skipFinished()
    }

    /// Whether all pieces are filled: the one after the last was asked for. Each piece is filled before the next is
    /// asked for, so the last one is not yet filled when `next` returns it.
    public private(set) var isDone = false

    /// Takes the next piece. The caller has filled the one before.
    /// - Returns: Nil: all is done.
    public mutating func next() -> Piece? {
        guard segment < segments.count else {
            isDone = true
            return nil
        }
        let start = offset
        let size = min(total - start, LoadingPlan.pieceSize)
        let piece: Piece
        if segment >= 0 {
            piece = .copy(segment: segment, offset: start, size: size)
        } else if maps {
            piece = .map(offset: start, size: size, clears: segment(over: start, size) == nil)
        } else {
            piece = .clear(offset: start, size: size)
        }
        offset += size
        skipFinished()
        return piece
    }

    private var total: UInt64 { segment < 0 ? memory.size : segments[segment].size }

    /// Goes on to the next piece that has something to be done.
    private mutating func skipFinished() {
        if segment < 0, !maps { skipOverwritten() }
        while segment < segments.count, offset == total {
            segment += 1
            offset = 0
        }
    }

    // MARK: What a segment overwrites

    /// Steps over the whole pieces that one segment overwrites, and then those of a segment that continues it.
    private mutating func skipOverwritten() {
        for _ in segments.indices {
            guard let index = segment(over: offset, LoadingPlan.pieceSize) else { return }
            let end = min(segments[index].base &+ segments[index].size &- memory.base, memory.size)
            offset += (end - offset) / LoadingPlan.pieceSize * LoadingPlan.pieceSize
        }
    }

    /// Returns the segment that overwrites all of this part of RAM, if there is one.
    private func segment(over offset: UInt64, _ size: UInt64) -> Int? {
        for index in segments.indices where overwrites(index, offset, size) { return index }
        return nil
    }

    /// Returns whether a segment covers this part of RAM.
    private func overwrites(_ index: Int, _ offset: UInt64, _ size: UInt64) -> Bool {
        let segment = segments[index]
        let start = memory.base &+ offset
        guard segment.base <= start, offset <= memory.size, memory.size &- offset >= size else { return false }
        let skipped = start &- segment.base
        return segment.size >= skipped && segment.size &- skipped >= size
    }
}
