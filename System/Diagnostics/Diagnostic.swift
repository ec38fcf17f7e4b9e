/// One thing that is wrong: where, what conflicts with what, and what to do.
public struct Diagnostic: Sendable, Equatable {
    public enum Severity: String, Sendable {
        case error
        /// The file is accepted, but the system may not do what its author expects.
        case warning
    }

    /// A place in a file that a person wrote.
    public struct Place: Sendable, Equatable, CustomStringConvertible {
        /// The file's path, as the user gave it.
        public var file: String
        /// Counted from 1.
        public var line: Int
        /// Counted from 1, in Unicode scalars.
        public var column: Int

        public init(file: String, line: Int, column: Int) {
            self.file = file
            self.line = line
            self.column = column
        }

        public var description: String { "\(file):\(line):\(column)" }
    }

    public var severity: Severity
    /// Nil where no text that a person wrote is at fault. Then `problem` names the file, the program or the system.
    public var place: Place?
    /// The two things that conflict.
    public var problem: String
    /// The step that removes the problem. Nil if the problem says all that is known.
    public var remedy: String?

    public init(
        _ problem: String, remedy: String? = nil, at place: Place? = nil, severity: Severity = .error
    ) {
        self.severity = severity
        self.place = place
        self.problem = problem
        self.remedy = remedy
    }
}

extension Diagnostic: CustomStringConvertible {
    /// The text that a user sees: `PLACE: error: PROBLEM`, and the remedy on a line of its own.
    public var description: String {
        let source = place?.description ?? "entente"
        return "\(source): \(severity.rawValue): \(problem)" + (remedy.map { "\n  remedy: \($0)" } ?? "")
    }
}
