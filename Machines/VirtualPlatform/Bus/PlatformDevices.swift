import ABI

/// The bus of one machine: the interrupt controller and the devices of QEMU's `virt` board, as one plain value.
///
/// It finds the window that holds an address, has the device perform the access, and brings the level of the device's
/// line to the interrupt controller. A copy of the value is a snapshot of all of them.
public struct PlatformDevices {
    public var interrupts: InterruptController
    private(set) var devices = MachineDevices()
    private let options: PlatformOptions
    private let virtualCPUCount: Int
    private var look = Look.none

    /// When `watch` is called next. A guest that sets and clears deadlines without end causes one call of its own for
    /// each that is due anyway, because the environment is not asked again before the call that follows the answer to `asked`.
    private enum Look: Equatable {
        case none
        /// The environment was asked for it.
        case asked
        /// The environment's timer leads there, so many sixteenths of a second after it was set.
        case set(UInt64)
    }

    /// - Parameter virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int, options: PlatformOptions = PlatformOptions()) {
        self.virtualCPUCount = virtualCPUCount
        self.options = options
        interrupts = InterruptController(virtualCPUCount: virtualCPUCount)
    }

    /// Brings all devices to the state that they have after a reset of the machine. The kernel's state of every virtual
    /// CPU must be as after its reset, too; `InterruptController.restore` then brings the two together.
    public mutating func reset() {
        interrupts = InterruptController(virtualCPUCount: virtualCPUCount)
        devices.reset()
        look = .none
    }

    /// Performs an access: the loaded value (zero for a store), or nil when no device lies at the address.
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
        // The serial port is the device that guests use most, so its code is here and that of others is not.
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

    /// Lets the devices see what has changed at their wires.
    public mutating func exchange<Environment: InterruptPort & DeviceEnvironment>(_ environment: inout Environment) {
        devices.exchange(&interrupts, &environment)
    }

    /// Ends the wait that a device asked for with `DeviceEnvironment.askForMoment`.
    public mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment) {
        devices.endMoment(&environment)
    }

    /// Whether a device waits for `endMoment`.
    public var awaitsMoment: Bool { devices.awaitsMoment }

    /// Whether something that the guest has written is still on its way out.
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

    /// Lets the devices see that time has passed.
    /// - Returns: When to be called again, in sixteenths of a second: one at least, a second at most; nil: not at all.
    public mutating func watch<Environment: InterruptPort & DeviceEnvironment>(_ environment: inout Environment)
        -> UInt64?
    {
        guard look != .none else { return nil }
        devices.update(&interrupts, &environment)
        // A further look follows soon in any case, because an access may ask for another at any time.
        let sixteenths = look == .asked ? 1 : devices.sixteenthsToUpdate(&environment)
        look = sixteenths.map { .set($0) } ?? .none
        return sixteenths
    }
}
