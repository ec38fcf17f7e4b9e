/// The error that ends a command of the tool: everything that is wrong, and the tool's exit status.
///
/// Every function of the tool and of its libraries that fails throws this type, and `Entente.main` prints it.
public struct Failure: Error, Sendable, Equatable {
    /// At least one, in the order of the file's lines.
    public let diagnostics: [Diagnostic]
    public var status: Int32

    /// A failure with one reason.
    ///
    /// - Parameter place: The place of the text that a person should change.
    public init(
        _ problem: String, remedy: String? = nil, at place: Diagnostic.Place? = nil, status: Int32 = 1
    ) {
        diagnostics = [Diagnostic(problem, remedy: remedy, at: place)]
        self.status = status
    }

    /// A failure with several reasons, which are sorted by their lines.
    ///
    /// - Precondition: There is at least one.
    public init(_ diagnostics: [Diagnostic]) {
        precondition(!diagnostics.isEmpty, "a failure needs a reason")
        self.diagnostics = diagnostics.sortedByPlace
        status = 1
    }

    /// Returns the failure with a name in front of each problem that has no place, because a function that reads a
    /// binary does not know the binary's name.
    public func about(_ name: String) -> Failure {
        let named = diagnostics.map { diagnostic in
            var named = diagnostic
            if named.place == nil { named.problem = "\(name): \(named.problem)" }
            return named
        }
        var failure = Failure(named)
        failure.status = status
        return failure
    }

    /// The first reason.
    public var problem: String { diagnostics[0].problem }
    /// The remedy of the first reason.
    public var remedy: String? { diagnostics[0].remedy }
}

extension Failure: CustomStringConvertible {
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

extension [Diagnostic] {
    /// In the order of lines and columns; those of one place stay in the order in which they were found.
    public var sortedByPlace: [Diagnostic] {
        func key(_ entry: (offset: Int, element: Diagnostic)) -> (Int, Int, Int) {
            (entry.element.place?.line ?? 0, entry.element.place?.column ?? 0, entry.offset)
        }
        return enumerated().sorted { key($0) < key($1) }.map(\.element)
    }
}
