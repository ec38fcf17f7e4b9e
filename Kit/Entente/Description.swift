import ABI

// The texts of the kit's values. A log shows the same text on the host and on the board. The board's build refuses to
// interpolate a value for which the board has no text.

extension Status {
    fileprivate var word: StaticString {
        switch self {
        case .ok: "ok"
        case .notified: "notified"
        case .again: "again"
        case .unsupported: "unsupported"
        case .badCapability: "badCapability"
        case .noRights: "noRights"
        case .badArgument: "badArgument"
        case .noMemory: "noMemory"
        case .badState: "badState"
        case .wrongCore: "wrongCore"
        case .dead: "dead"
        case .tooDeep: "tooDeep"
        case .occupied: "occupied"
        case .refused: "refused"
        case .aborted: "aborted"
        case .badAddress: "badAddress"
        }
    }
}

extension CallError {
    /// The error as a log shows it: `failed(1)`, `dead(generation: 3)`, `refused`. `Parameter.logText` gives the
    /// server's error.
    public var logText: LogText {
        switch self {
        case .failed(let failure): "failed(\(failure.logText))"
        case .dead(let generation): "dead(generation: \(generation))"
        case .aborted: "aborted"
        case .refused: "refused"
        case .malformed: "malformed"
        case .kernel(let status): "kernel(\(status))"
        }
    }
}

extension LogText.StringInterpolation {
    public mutating func appendInterpolation(_ error: CallError<some Error & Parameter>) {
        appendInterpolation(error.logText)
    }
    public mutating func appendInterpolation(_ status: Status) { appendInterpolation(status.word) }
}

#if !NO_HEAP
    extension Status: CustomStringConvertible { public var description: String { "\(word)" } }

    extension CallError: CustomStringConvertible { public var description: String { String(logText) } }

    extension LogText: CustomStringConvertible { public var description: String { String(self) } }

    extension ShortText: CustomStringConvertible { public var description: String { String(self) } }

    extension String {
        /// Decodes the text's bytes as UTF-8, and replaces bytes that are not UTF-8 by U+FFFD.
        public init(_ text: ShortText) { self.init(decoding: (0..<text.count).map { text[$0] }, as: UTF8.self) }
        public init(_ text: LogText) { self.init(decoding: (0..<text.count).map { text[$0] }, as: UTF8.self) }
    }

    extension ShortText {
        /// Copies a text. Returns nil if it has more than `capacity` bytes of UTF-8, because two shortened texts
        /// could be equal although the originals differ.
        public init?(_ text: some StringProtocol) {
            self.init()
            for byte in text.utf8 {
                guard count < Self.capacity else { return nil }
                append(byte)
            }
        }
    }

    extension LogText.StringInterpolation {
        /// Appends a `String`, a floating-point number, or any other value that describes itself.
        public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            for byte in value.description.utf8 { append(byte) }
        }
    }

    /// Writes a composed text of any length as one line to this component's console.
    @_disfavoredOverload
    public func log(_ text: String) {
        let console = Console()
        console.beginLine()
        for byte in text.utf8 { console.putPatiently(byte) }
        console.write("\n")
        console.flush()
    }
#endif

#if hasFeature(Embedded) && !NO_HEAP
    extension DefaultStringInterpolation {
        /// Refuses a value that does not describe itself. The standard library's own form, which this one hides,
        /// would put the same words in the place of every such value, so that texts which differ on the host would be
        /// equal on the board.
        @available(
            *, deprecated,
            message: "a component has no text for this value: write its parts, or make it CustomStringConvertible"
        )
        @_transparent
        public mutating func appendInterpolation<Value>(_ value: Value) {
            // The compiler has no such conversion for the board, so it reports an error at the interpolation.
            withExtendedLifetime(value as Any) {}
        }
    }
#endif
