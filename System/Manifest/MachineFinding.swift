/// A fault of a machine's files, or of the manifest's description of them.
public struct MachineFinding: Sendable {
    /// The machine's key at whose value the message points. If the key is missing, the message points at the
    /// machine's name.
    public var key: String
    public var severity: Diagnostic.Severity
    public var problem: String
    public var remedy: String

    public init(at key: String, _ severity: Diagnostic.Severity, _ problem: String, remedy: String) {
        (self.key, self.severity, self.problem, self.remedy) = (key, severity, problem, remedy)
    }
}
