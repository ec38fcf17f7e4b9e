/// One thing that is wrong with a file that a person wrote: where, what conflicts with what, and what to do.
public struct Diagnostic: Error, Sendable, Equatable {
    public enum Severity: String, Sendable {
        case error
        /// The file is accepted, but the system may not do what its author expects.
        case warning
    }

    public var severity = Severity.error
    /// The file's path, as the user gave it.
    public var file: String
    /// Counted from 1.
    public var line: Int
    /// Counted from 1, in Unicode scalars.
    public var column: Int
    /// What conflicts with what.
    public var problem: String
    /// What to do about it.
    public var remedy: String

    public init(file: String, line: Int, column: Int, problem: String, remedy: String) {
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem
        self.remedy = remedy
    }
}

extension Diagnostic: CustomStringConvertible {
    public var description: String {
        "\(file):\(line):\(column): \(severity.rawValue): \(problem)\n  remedy: \(remedy)"
    }
}

/// Everything that is wrong with a file, in the order of its lines.
public struct Diagnostics: Error, Sendable, CustomStringConvertible {
    public var all: [Diagnostic]

    public init(all: [Diagnostic]) {
        self.all = all.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }

    public var description: String { all.map(\.description).joined(separator: "\n") }
}

/// What is wrong with a binary (a program, a guest's kernel, a device tree) or with the image made of them.
///
/// Binaries have no lines; whoever shows the error names the file, or turns it into a `Diagnostic` at the place that
/// named the file.
public struct ImageError: Error, Sendable, Equatable, CustomStringConvertible {
    public var problem: String
    public var remedy: String

    public init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }

    public var description: String { "error: \(problem)\n  remedy: \(remedy)" }
}
