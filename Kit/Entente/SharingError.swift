import ABI

/// The reasons for which memory cannot be shared.
public enum SharingError: Error, Equatable {
    /// The memory that `shared` in the manifest gives is used up.
    case noMemory
    /// This component uses several servers, each with its own memory, so that the caller must name one of them.
    case severalServers
    /// The server did not accept the offer. `badCapability`: this component shares no memory with the client, or the
    /// offer was made for another server. `badArgument`: the ring is not inside of the shared memory. `dead`: the
    /// client that made the offer has died.
    case refused(Status)
}
