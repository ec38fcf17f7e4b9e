/// Divides the filling of a machine's RAM into pieces, so that each can be charged to the machine: first all RAM is
/// cleared, and mapped before that if it is not mapped yet, then each segment is copied.
public struct LoadingPlan {
    public enum Piece: Equatable {
        /// `offset` is from the start of RAM.
        case clear(offset: UInt64, size: UInt64)
        /// The same of RAM that is to be mapped first.
        case map(offset: UInt64, size: UInt64)
        /// `offset` is from the start of the segment.
        case copy(segment: Int, offset: UInt64, size: UInt64)
    }

    /// No piece is larger, and all but the last of a segment have this size: what one entry of a page table maps.
    public static let pieceSize: UInt64 = 2 << 20

    private let memory: UInt64
    private let maps: Bool
    private let segments: InlineArray<8, UInt64>
    /// -1: RAM is being cleared.
    private var segment = -1
    private var offset: UInt64 = 0

    /// - Parameters:
    ///   - memory: bytes of RAM; 0: none is cleared.
    ///   - maps: whether RAM is to be mapped, too.
    ///   - segments: bytes of each; 0: it does not exist.
    public init(memory: UInt64, maps: Bool, segments: InlineArray<8, UInt64>) {
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
        } else {
            piece = maps ? .map(offset: start, size: size) : .clear(offset: start, size: size)
        }
        offset += size
        skipFinished()
        return piece
    }

    private var total: UInt64 { segment < 0 ? memory : segments[segment] }

    private mutating func skipFinished() {
        while segment < segments.count, offset == total {
            segment += 1
            offset = 0
        }
    }
}
