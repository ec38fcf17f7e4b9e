import ABI

/// Divides the filling of a machine's RAM into pieces, so that each can be charged to the machine. First all RAM is
/// cleared, except the pieces that a segment overwrites, and mapped before that if it is not mapped yet. Then each
/// segment is copied.
public struct LoadingPlan {
    public enum Piece: Equatable {
        /// Clear a piece of RAM; `offset` is from the start of RAM.
        case clear(offset: UInt64, size: UInt64)
        /// Map a piece of RAM, and clear it unless a segment will overwrite all of it.
        case map(offset: UInt64, size: UInt64, clears: Bool)
        /// Copy a piece of a segment; `offset` is from the start of the segment.
        case copy(segment: Int, offset: UInt64, size: UInt64)
    }

    /// The size of all pieces except the last one of RAM or a segment, which may be smaller. One entry of a page
    /// table maps as much.
    public static let pieceSize: UInt64 = 2 << 20

    private let memory: MemoryRange
    private let maps: Bool
    private let segments: InlineArray<8, MemoryRange>
    /// The segment that is being copied; -1 while RAM is being cleared.
    private var segment = -1
    private var offset: UInt64 = 0

    /// Makes a plan.
    /// - Parameters:
    ///   - memory: the machine's RAM; of size 0 if none is cleared.
    ///   - maps: true if RAM must be mapped as well.
    ///   - segments: the guest-physical addresses that each segment fills; of size 0 if it does not exist.
    public init(memory: MemoryRange, maps: Bool, segments: InlineArray<8, MemoryRange>) {
        self.memory = memory
        self.maps = maps
        self.segments = segments
        skipFinished()
    }

    /// True once all pieces are filled. The caller fills each piece before it asks for the next one, so that the last
    /// piece is not yet filled when `next` returns it.
    public private(set) var isDone = false

    /// Takes the next piece. The caller has filled the previous one.
    /// - Returns: nil if all pieces are filled.
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

    /// Moves to the next piece that has work left.
    private mutating func skipFinished() {
        if segment < 0, !maps { skipOverwritten() }
        while segment < segments.count, offset == total {
            segment += 1
            offset = 0
        }
    }

    // MARK: Pieces that a segment overwrites

    /// Steps over the whole pieces that a segment overwrites, and then over those of a segment that continues it.
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
        // If the segment begins later, the difference wraps, and is larger than any segment.
        let skipped = memory.base &+ offset &- segment.base
        return segment.size >= skipped && segment.size &- skipped >= size
    }
}
