/// Divides the filling of a machine's RAM into pieces, so that each can be charged to the machine: first RAM is
/// cleared, if it holds what an earlier life left, then each segment is copied.
public struct LoadingPlan {
    public enum Piece: Equatable {
        /// `offset` is from the start of RAM.
        case clear(offset: UInt64, size: UInt64)
        /// `offset` is from the start of the segment.
        case copy(segment: Int, offset: UInt64, size: UInt64)
    }

    /// No piece is larger. All but the last of a segment are multiples of it.
    public static let pieceSize: UInt64 = 1 << 20

    private let cleared: UInt64
    private let segments: InlineArray<8, UInt64>
    /// -1: RAM is being cleared.
    private var segment = -1
    private var offset: UInt64 = 0

    /// - Parameters:
    ///   - cleared: bytes of RAM to clear; 0: none.
    ///   - segments: bytes of each; 0: it does not exist.
    public init(clearing cleared: UInt64, segments: InlineArray<8, UInt64>) {
        self.cleared = cleared
        self.segments = segments
        skipFinished()
    }

    /// Whether there is no piece left.
    public var isDone: Bool { segment >= segments.count }

    /// Takes the next piece; nil: all is done.
    public mutating func next() -> Piece? {
        guard !isDone else { return nil }
        let start = offset
        let size = min(total - start, LoadingPlan.pieceSize)
        let piece: Piece =
            segment < 0 ? .clear(offset: start, size: size) : .copy(segment: segment, offset: start, size: size)
        offset += size
        skipFinished()
        return piece
    }

    private var total: UInt64 { segment < 0 ? cleared : segments[segment] }

    private mutating func skipFinished() {
        while !isDone, offset == total {
            segment += 1
            offset = 0
        }
    }
}
