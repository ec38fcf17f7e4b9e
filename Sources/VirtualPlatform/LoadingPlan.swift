/// Divides the filling of a machine's RAM into pieces, so that each can be charged to the machine: first all RAM is
/// cleared, or only cleaned to memory if it holds zeroes, then each segment is copied.
public struct LoadingPlan {
    public enum Piece: Equatable {
        /// `offset` is from the start of RAM.
        case clear(offset: UInt64, size: UInt64)
        /// The same of RAM that holds zeroes, but perhaps in the caches only.
        case clean(offset: UInt64, size: UInt64)
        /// `offset` is from the start of the segment.
        case copy(segment: Int, offset: UInt64, size: UInt64)
    }

    /// No piece is larger. All but the last of a segment are multiples of it.
    public static let pieceSize: UInt64 = 1 << 20

    private let memory: UInt64
    private let holdsZeroes: Bool
    private let segments: InlineArray<8, UInt64>
    /// -1: RAM is being cleared or cleaned.
    private var segment = -1
    private var offset: UInt64 = 0

    /// - Parameters:
    ///   - memory: bytes of RAM; 0: none is cleared.
    ///   - holdsZeroes: whether RAM holds zeroes already.
    ///   - segments: bytes of each; 0: it does not exist.
    public init(memory: UInt64, holdsZeroes: Bool, segments: InlineArray<8, UInt64>) {
        self.memory = memory
        self.holdsZeroes = holdsZeroes
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
            piece = holdsZeroes ? .clean(offset: start, size: size) : .clear(offset: start, size: size)
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
