/// Decides when whoever empties the wire is told of output: at the end of a line, when much has gathered, or a moment
/// later.
///
/// Guests write byte by byte, each byte an exit. Telling the console driver each time would cost more than the exits.
public struct OutputBatch {
    /// What became of the bytes that were written during one exit.
    public struct Written {
        public var count = 0
        public var endsLine = false
        /// The wire took no more.
        public var foundNoRoom = false

        @inline(__always) public init() {}
        @inline(__always) public var isNothing: Bool { count == 0 && !foundNoRoom }
    }

    public enum Duty {
        case none
        /// Tell the reader now.
        case tell
        /// Have `deadlinePassed` called a moment later.
        case setDeadline
    }

    /// Bytes that nobody was told of.
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

    /// The deadline has passed, or could not be set. True: tell the reader now.
    public mutating func deadlinePassed() -> Bool {
        isDeadlineSet = false
        defer { untold = 0 }
        return untold != 0
    }
}
