/// The registers of a device, as the driver uses them. Offsets are in bytes.
public protocol VirtioRegisters {
    func read(_ offset: Int) -> UInt32
    func write(_ value: UInt32, _ offset: Int)
}

/// Memory that the driver and the device share. The device may change it at any moment.
public protocol VirtioMemory {
    /// The size in bytes.
    var size: Int { get }
    /// The address at which the device sees the first byte; a multiple of 128.
    var deviceAddress: UInt64 { get }
    /// The eight bytes at an offset, which is a multiple of 8 below `size`. Each access is one atomic load or store.
    subscript(offset: Int) -> UInt64 { get nonmutating set }
    /// Orders all accesses to memory and registers before the call with all accesses after it.
    func order()
}
