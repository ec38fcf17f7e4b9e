/// A fault that a user should mend: its place, the things that conflict, and the remedy.
public struct Diagnostic: Sendable, Equatable {
    public enum Severity: String, Sendable {
        case error
        /// The file is accepted, but the system may not do what its author expects.
        case warning
    }

    /// A place in a file that a person wrote.
    public struct Place: Sendable, Equatable, CustomStringConvertible {
        /// The path of the file, as the user gave it.
        public var file: String
        /// The number of the line, counted from 1.
        public var line: Int
        /// The number of the column in Unicode scalars, counted from 1.
        public var column: Int

        public init(file: String, line: Int, column: Int) {
            self.file = file
            self.line = line
            self.column = column
        }

        public var description: String { "\(file):\(line):\(column)" }
    }

    public var severity: Severity
    /// The place of the fault, or nil if it lies in no text that a person wrote. `problem` then names the file, the
    /// program or the system.
    public var place: Place?
    /// The two things that conflict.
    public var problem: String
    /// The step that removes the problem, or nil if the problem already says all that is known.
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
    /// The text for the user: `PLACE: error: PROBLEM`, and the remedy on a line of its own.
    public var description: String {
        let source = place?.description ?? "entente"
        return "\(source): \(severity.rawValue): \(problem)" + (remedy.map { "\n  remedy: \($0)" } ?? "")
    }
}
