/// A component that another one may call, under a name that the caller chooses.
public struct ConnectionDescription: Sendable, Equatable {
    /// The name that the client's program uses.
    public var name: String
    /// The name of the server.
    public var server: String

    public init(name: String, server: String) {
        self.name = name
        self.server = server
    }
}
