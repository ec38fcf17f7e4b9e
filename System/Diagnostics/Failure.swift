/// The error that ends a command of the tool, with all faults that were found and the tool's exit status.
///
/// Every function of the tool and of its libraries that fails throws this type, and `Entente.main` prints it.
public struct Failure: Error, Sendable, Equatable {
    /// The faults, at least one, in the order of the file's lines.
    public let diagnostics: [Diagnostic]
    public var status: Int32

    /// Makes a failure with one reason.
    ///
    /// - Parameter place: the place of the text that a person should change.
    public init(
        _ problem: String, remedy: String? = nil, at place: Diagnostic.Place? = nil, status: Int32 = 1
    ) {
        diagnostics = [Diagnostic(problem, remedy: remedy, at: place)]
        self.status = status
    }

    /// Makes a failure with several reasons, and sorts them by their lines.
    ///
    /// - Precondition: there is at least one reason.
    public init(_ diagnostics: [Diagnostic]) {
        precondition(!diagnostics.isEmpty, "a failure needs a reason")
        self.diagnostics = diagnostics.sortedByPlace
        status = 1
    }

    /// Returns the failure with `name` in front of each problem that has no place. Functions that read a binary need
    /// it, because they do not know the binary's name.
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

    /// The problem of the first reason.
    public var problem: String { diagnostics[0].problem }
    /// The remedy of the first reason.
    public var remedy: String? { diagnostics[0].remedy }
}

extension Failure: CustomStringConvertible {
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

extension [Diagnostic] {
    /// The diagnostics in the order of lines and columns. Those of one place keep the order in which they were found.
    public var sortedByPlace: [Diagnostic] {
        func key(_ entry: (offset: Int, element: Diagnostic)) -> (Int, Int, Int) {
            (entry.element.place?.line ?? 0, entry.element.place?.column ?? 0, entry.offset)
        }
        return enumerated().sorted { key($0) < key($1) }.map(\.element)
    }
}
