import ABI

/// Memory that devices of the board access as well, at addresses of their own. Each access is one atomic load or
/// store of eight bytes, because the device may change the memory at any moment.
public struct DMAMemory: Sendable {
    public let memory: SharedMemory
    /// The address at which a device sees the first byte.
    public let deviceAddress: UInt64

    /// Finds the memory that the manifest calls `name`, under `dma`. Stops the component with a log line if there is
    /// none.
    public init(named name: StaticString) {
        guard let memory = DMAMemory(ifNamed: name) else {
            log("this component uses '\(name)', but its manifest has no such memory for devices: add it under 'dma'")
            fatalError("no such memory")
        }
        self = memory
    }

    /// Finds the memory that the manifest calls `name`. Returns nil if there is none.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.dmaMemory, named: name) else { return nil }
        self.init(of: resource)
    }

    /// Uses the memory of a resource of this component.
    public init(of resource: Resource) {
        // SAFETY: root mapped the memory before it started this component, and never unmaps it.
        memory = unsafe SharedMemory(of: resource)
        deviceAddress = resource.number
    }

    /// The size in bytes; a multiple of 8.
    public var size: Int { memory.size }

    /// The eight bytes at `offset`, as a number. The offset is a multiple of 8 below `size`; otherwise the component
    /// stops.
    public subscript(offset: Int) -> UInt64 {
        @inline(__always) get { memory[offset] }
        @inline(__always) nonmutating set { memory[offset] = newValue }
    }

    /// Orders all accesses before the call with all accesses after it. The driver calls it after it has filled memory
    /// and before it tells the device by a register. The driver also calls it after a register has told that the
    /// device is done, and before it reads the memory.
    public func order() { Seam.orderDeviceAccesses() }
}
