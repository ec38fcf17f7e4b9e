/// Divides the filling of a machine's RAM into pieces, so that each can be charged to the machine. First all RAM is
/// cleared, and mapped before that if it is not mapped yet. Then each segment is copied.
public struct LoadingPlan {
    public enum Piece: Equatable {
        /// Clear a piece of RAM; `offset` is from the start of RAM.
        case clear(offset: UInt64, size: UInt64)
        /// Map a piece of RAM, and clear it.
        case map(offset: UInt64, size: UInt64)
        /// Copy a piece of a segment; `offset` is from the start of the segment.
        case copy(segment: Int, offset: UInt64, size: UInt64)
    }

    /// The size of all pieces except the last one of RAM or a segment, which may be smaller. One entry of a page
    /// table maps as much.
    public static let pieceSize: UInt64 = 2 << 20

    private let memory: UInt64
    private let maps: Bool
    private let segments: InlineArray<8, UInt64>
    /// The segment that is being copied; -1 while RAM is being cleared.
    private var segment = -1
    private var offset: UInt64 = 0

    /// Makes a plan.
    /// - Parameters:
    ///   - memory: the bytes of RAM; 0 if none is cleared.
    ///   - maps: whether RAM must be mapped as well.
    ///   - segments: the bytes of each segment; 0 if it does not exist.
    public init(memory: UInt64, maps: Bool, segments: InlineArray<8, UInt64>) {
        self.memory = memory
        self.maps = maps
        self.segments = segments
        skipFinished()
    }

    /// True once all pieces are filled. The caller fills each piece before it asks for the next one, so that the last
    /// piece is not yet filled when `next` returns it.
    public private(set) var isDone = false

    /// Takes the next piece. The caller has filled the previous one.
    /// - Returns: Nil if all pieces are filled.
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
