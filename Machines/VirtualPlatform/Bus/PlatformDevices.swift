import ABI

/// The bus of one machine: the interrupt controller and the devices of QEMU's `virt` board, as one plain value.
///
/// The monitor calls `perform` for each access that left the machine. The bus finds the window that contains the
/// address, makes the device perform the access, and passes the level of the device's line to the interrupt
/// controller. A copy of the value is a snapshot of all devices. Read on in Device.swift and DeviceList.swift.
public struct PlatformDevices {
    public var interrupts: InterruptController
    private(set) var devices = MachineDevices()
    private let options: PlatformOptions
    private let virtualCPUCount: Int
    private var look = Look.none

    /// The time of the next call of `watch`. A guest that sets and clears deadlines without end causes only one
    /// additional call for each regular one. The bus asks the environment again only after the call that follows
    /// `asked`.
    private enum Look: Equatable {
        case none
        /// The bus has asked the environment for a call.
        case asked
        /// The environment's timer will call, this many sixteenths of a second after it was set.
        case set(UInt64)
    }

    /// - Parameter virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int, options: PlatformOptions = PlatformOptions()) {
        self.virtualCPUCount = virtualCPUCount
        self.options = options
        interrupts = InterruptController(virtualCPUCount: virtualCPUCount)
    }

    /// Resets all devices, as a reset of the machine does. The kernel must have reset the interrupt state of every
    /// virtual CPU as well; `InterruptController.restore` then makes the two agree.
    public mutating func reset() {
        interrupts = InterruptController(virtualCPUCount: virtualCPUCount)
        devices.reset()
        look = .none
    }

    /// Performs an access. Returns the loaded value (zero for a store), or nil if no device has the address.
    @inline(__always)
    public mutating func perform<Environment: InterruptPort & DeviceEnvironment>(
        _ access: MemoryAccess, _ environment: inout Environment
    ) -> UInt64? {
        let inDistributor = access.address &- PlatformMap.distributor
        if inDistributor < PlatformMap.distributorSize {
            if !access.isWrite { return interrupts.readDistributor(inDistributor, size: access.size, &environment) }
            interrupts.writeDistributor(inDistributor, size: access.size, access.value, &environment)
            return 0
        }
        // The serial port is the device that guests use most, so only its code is inlined here.
        let inSerial = access.address &- PlatformMap.serial
        if inSerial < PlatformMap.serialSize {
            return devices.performHere(access, inSerial, &interrupts, &environment)
        }
        return performOther(access, &environment)
    }

    @inline(never)
    private mutating func performOther<Environment: InterruptPort & DeviceEnvironment>(
        _ access: MemoryAccess, _ environment: inout Environment
    ) -> UInt64? {
        if let loaded = devices.others.perform(access, options, &interrupts, &environment) {
            if let sixteenths = devices.sixteenthsToUpdate(&environment) {
                askForWatch(within: sixteenths, &environment)
            }
            return loaded
        }
        let offset = access.address &- PlatformMap.redistributors
        if !access.isWrite { return interrupts.readRedistributor(offset, size: access.size, &environment) }
        return interrupts.writeRedistributor(offset, size: access.size, access.value, &environment) ? 0 : nil
    }

    /// Makes the devices handle changes at the other ends of their wires.
    public mutating func exchange<Environment: InterruptPort & DeviceEnvironment>(_ environment: inout Environment) {
        devices.exchange(&interrupts, &environment)
    }

    /// Ends the wait that a device requested with `DeviceEnvironment.askForMoment`.
    public mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment) {
        devices.endMoment(&environment)
    }

    /// True while a device waits for `endMoment`.
    public var awaitsMoment: Bool { devices.awaitsMoment }

    /// True while output of the guest has not left a device yet.
    public var isBusy: Bool { devices.isBusy }
}

// MARK: - Time

extension PlatformDevices {
    private mutating func askForWatch<Environment: DeviceEnvironment>(
        within sixteenths: UInt64, _ environment: inout Environment
    ) {
        switch look {
        case .asked: return
        case .set(let pending) where pending <= sixteenths: return
        case .none, .set:
            look = .asked
            environment.askForWatch()
        }
    }

    /// Makes the devices handle the passage of time.
    /// - Returns: the time of the next call in sixteenths of a second, from 1 to 16; nil if none is needed.
    public mutating func watch<Environment: InterruptPort & DeviceEnvironment>(_ environment: inout Environment)
        -> UInt64?
    {
        guard look != .none else { return nil }
        devices.update(&interrupts, &environment)
        // Another call follows soon in any case, because an access may ask for one at any time.
        let sixteenths = look == .asked ? 1 : devices.sixteenthsToUpdate(&environment)
        look = sixteenths.map { .set($0) } ?? .none
        return sixteenths
    }
}
