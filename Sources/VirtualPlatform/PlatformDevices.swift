import ABI

/// The devices of one machine, as QEMU's `virt` board has them: who answers at which guest-physical address.
public struct PlatformDevices {
    public var interrupts: InterruptController
    public private(set) var serial = PL011()

    /// - Parameter virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int) {
        interrupts = InterruptController(virtualCPUCount: virtualCPUCount)
    }

    /// Performs an access: the loaded value (zero for a store), or nil when no device lies at the address.
    @inline(__always)
    public mutating func perform<Host: InterruptPort & SerialLine>(
        _ access: MemoryAccess, _ host: inout Host
    ) -> UInt64? {
        let inDistributor = access.address &- PlatformMap.distributor
        if inDistributor < PlatformMap.distributorSize {
            if !access.isWrite { return interrupts.readDistributor(inDistributor, size: access.size, &host) }
            interrupts.writeDistributor(inDistributor, size: access.size, access.value, &host)
            return 0
        }
        let inSerial = access.address &- PlatformMap.serial
        if inSerial < PlatformMap.serialSize { return performSerial(access, inSerial, &host) }
        return performRedistributor(access, &host)
    }

    /// Lets the serial port see what has changed at its wire.
    public mutating func exchangeSerial<Host: InterruptPort & SerialLine>(_ host: inout Host) {
        serial.exchange(&host)
        interrupts.setLine(PlatformMap.serialInterrupt, high: serial.isInterrupting, &host)
    }

    @inline(__always)
    private mutating func performSerial<Host: InterruptPort & SerialLine>(
        _ access: MemoryAccess, _ offset: UInt64, _ host: inout Host
    ) -> UInt64 {
        var loaded: UInt64 = 0
        if access.isWrite {
            serial.write(offset, UInt32(truncatingIfNeeded: access.value), &host)
        } else {
            loaded = UInt64(serial.read(offset, &host))
        }
        interrupts.setLine(PlatformMap.serialInterrupt, high: serial.isInterrupting, &host)
        return loaded
    }

    @inline(never)
    private mutating func performRedistributor<Host: InterruptPort>(
        _ access: MemoryAccess, _ host: inout Host
    ) -> UInt64? {
        let offset = access.address &- PlatformMap.redistributors
        if !access.isWrite { return interrupts.readRedistributor(offset, size: access.size, &host) }
        return interrupts.writeRedistributor(offset, size: access.size, access.value, &host) ? 0 : nil
    }
}
