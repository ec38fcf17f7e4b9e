/// Decides when the reader of the wire is told of output: at the end of a line, when many bytes have gathered, or a
/// moment later.
///
/// Guests write byte by byte, each byte an exit. Telling the console driver for each byte would cost more than the
/// exits.
public struct OutputBatch {
    /// The result of writing bytes during one exit.
    public struct Written {
        public var count = 0
        public var endsLine = false
        /// Set when the wire took no more bytes.
        public var foundNoRoom = false

        @inline(__always) public init() {}
        @inline(__always) public var isNothing: Bool { count == 0 && !foundNoRoom }
    }

    public enum Duty {
        case none
        /// The caller must tell the reader now.
        case tell
        /// The caller must arrange a call of `deadlinePassed` a moment later.
        case setDeadline
    }

    /// The number of bytes of which the reader was not told.
    private var untold = 0
    public private(set) var isDeadlineSet = false

    private static let limit = 512

    public init() {}

    public mutating func add(_ written: Written) -> Duty {
        untold += written.count
        if written.foundNoRoom || written.endsLine || untold >= OutputBatch.limit {
            untold = 0
            return .tell
        }
        if untold == 0 || isDeadlineSet { return .none }
        isDeadlineSet = true
        return .setDeadline
    }

    /// Handles a deadline that has passed, or could not be set. Returns whether the caller must tell the reader now.
    public mutating func deadlinePassed() -> Bool {
        isDeadlineSet = false
        defer { untold = 0 }
        return untold != 0
    }
}
