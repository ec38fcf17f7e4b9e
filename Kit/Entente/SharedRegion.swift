import ABI
import Synchronization

/// Memory that this component shares with a machine or another component, as the manifest's `shared-memory` says, and
/// a notification that rings the other end. Both ends agree on the meaning of the contents by themselves. The peer
/// may change each byte at any moment, so that each access is one atomic load or store of 8 bytes.
public struct SharedRegion: Sendable {
    public let memory: SharedMemory
    private let bell: Notification
    /// The event that the component gets when the other end rings. Several rings before it looks count as one.
    public let rang: Events

    /// Finds the region that the manifest calls `name`. Stops the component with a log line if there is none.
    public init(named name: StaticString) {
        guard let region = SharedRegion(ifNamed: name) else {
            log("this component shares '\(name)', but its manifest has no such memory: add it under 'shared-memory'")
            fatalError("no such shared memory")
        }
        self = region
    }

    /// Finds the region that the manifest calls `name`. Returns nil if there is none, or if this component is no end
    /// of it.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.sharedMemory, named: name) else { return nil }
        bell = Notification(of: resource)
        rang = Events(bits: resource.number)
        // SAFETY: the resource names memory that root mapped before it started this component, and never unmaps.
        memory = unsafe SharedMemory(of: resource)
    }

    /// Rings the other end, after all earlier stores to the memory. A machine gets an interrupt, and a component gets
    /// the event. Returns `badCapability` if the peer is dead; the peer's next life looks at the memory when it
    /// starts.
    @discardableResult
    public func ring() -> Status {
        atomicMemoryFence(ordering: .releasing)
        return bell.raise()
    }
}
