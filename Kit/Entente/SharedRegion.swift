import ABI
import Synchronization

/// Memory that this component shares with a machine or another component, as the manifest's `shared-memory` says, and a
/// bell to ring the other end. Both agree on the meaning of its contents by themselves. The peer may change each byte
/// at any moment, so that each access is one atomic load or store of 8 bytes.
public struct SharedRegion: Sendable {
    public let memory: SharedMemory
    private let bell: Notification
    /// The event that this component hears when the other end rings. Rings between two looks are one.
    public let rang: Events

    /// The region that the manifest calls `name`. Without one the component stops, with a line that says so.
    public init(named name: StaticString) {
        guard let region = SharedRegion(ifNamed: name) else {
            log("this component shares '\(name)', and its manifest has nothing of that name (key 'shared-memory')")
            fatalError("no such shared memory")
        }
        self = region
    }

    /// The region that the manifest calls `name`, if there is one and this component is an end of it.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.sharedMemory, named: name) else { return nil }
        bell = Notification(of: resource)
        rang = Events(bits: resource.number)
        // SAFETY: the resource names memory that root mapped before it started this component, and never unmaps.
        memory = unsafe SharedMemory(of: resource)
    }

    /// Rings the other end, after all stores to the memory that came before. A machine gets an interrupt, a component
    /// the event. `badCapability`: the peer is dead, and the next life of it will look by itself.
    @discardableResult
    public func ring() -> Status {
        atomicMemoryFence(ordering: .releasing)
        return bell.raise()
    }
}
