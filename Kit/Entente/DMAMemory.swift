import ABI

/// Memory that devices of the board access as well, at addresses of their own. Each access is one atomic load or store
/// of eight bytes, because the device may change the memory at any moment.
public struct DMAMemory: Sendable {
    public let memory: SharedMemory
    /// The address at which a device sees the first byte.
    public let deviceAddress: UInt64

    /// The memory that the manifest calls `name`, under `dma`. Without it the component stops, with a line that says
    /// so.
    public init(named name: StaticString) {
        guard let memory = DMAMemory(ifNamed: name) else {
            log("this component uses '\(name)', and its manifest gives it no such memory for devices (key 'dma')")
            fatalError("no such memory")
        }
        self = memory
    }

    /// The memory that the manifest calls `name`, if there is any.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.dmaMemory, named: name) else { return nil }
        // SAFETY: root mapped the memory before it started this component, and never unmaps it.
        memory = unsafe SharedMemory(of: resource)
        deviceAddress = resource.number
    }

    /// In bytes.
    public var size: Int { memory.size }

    /// The number of eight bytes at `offset`, a multiple of 8.
    public subscript(offset: Int) -> UInt64 {
        @inline(__always) get { memory[offset] }
        @inline(__always) nonmutating set { memory[offset] = newValue }
    }

    /// Orders what comes before with what comes behind. Call it between filling memory and telling the device by a
    /// register, and between learning from a register that the device is done and reading the memory.
    public func order() { Seam.orderDeviceAccesses() }
}
