// The events of a machine's bus, which concern all devices. The monitor's first thread handles them. It asks one device
// after the other, each under that device's own lock.

extension MachineUnits {
    /// Makes the devices handle changes at the other ends of their wires.
    /// - Parameter bits: the bits of the monitor's notification that cause the next call, for a device whose lock
    ///   another thread keeps.
    /// - Returns: true if output of the guest may not have left a device yet.
    @inline(never)
    public func exchange<Environment: BusEnvironment>(againAt bits: UInt64, _ environment: inout Environment) -> Bool {
        var round = Exchange(units: self, environment: environment, bits: bits)
        MachineDevices.visitAll(&round)
        environment = round.environment
        if round.hasChanged { followLines(&environment) }
        return round.isBusy
    }

    /// Ends the wait that a device requested with `DeviceEnvironment.askForMoment`.
    /// - Parameter bits: as in `exchange`.
    @inline(never)
    public func endMoment<Environment: BusEnvironment>(againAt bits: UInt64, _ environment: inout Environment) {
        var round = MomentEnd(units: self, environment: environment, bits: bits)
        MachineDevices.visitAll(&round)
        environment = round.environment
    }

    /// Makes the devices handle the passage of time.
    /// - Parameter bits: as in `exchange`.
    @inline(never)
    public func watch<Environment: BusEnvironment>(againAt bits: UInt64, _ environment: inout Environment) -> Watch {
        var round = Update(units: self, environment: environment, bits: bits)
        let wasAsked = withBus { $0.timeRequest.begin() }
        guard let wasAsked else { return Watch() }
        MachineDevices.visitAll(&round)
        environment = round.environment
        if round.hasChanged { followLines(&environment) }
        let sixteenths = round.watch.sixteenths
        round.watch.sixteenths = withBus { $0.timeRequest.end(sixteenths, wasAsked: wasAsked) }
        return round.watch
    }

    /// Resets the devices and the interrupt controller, as a reset of the machine does. All virtual CPUs have stopped
    /// and no deferral is open, so that no thread uses a device, but one may hold a lock for another moment. The caller
    /// holds the lock of the power state.
    /// - Parameter resetVirtualCPU: resets the kernel's state of a virtual CPU.
    /// - Returns: false if a lock is held. Then a unit is not reset, and the caller tries again later.
    @inline(never)
    public func resetDevices<Environment: BusEnvironment>(
        _ environment: inout Environment, resetVirtualCPU: (Int, inout Environment) -> Void
    ) -> Bool {
        var round = Reset(units: self, environment: environment)
        MachineDevices.visitAll(&round)
        environment = round.environment
        let count = withBus { bus in
            bus.timeRequest.reset()
            return bus.virtualCPUCount
        }
        let isControllerReset: Void? = withController(&environment) { interrupts, environment in
            interrupts = InterruptController(virtualCPUCount: count)
            for number in 0..<count {
                resetVirtualCPU(number, &environment)
                interrupts.restore(number, LatchedInterrupts(), &environment)
            }
        }
        guard round.isComplete, isControllerReset != nil else { return false }
        followLines(&environment)
        return true
    }
}

extension MachineUnits {
    /// Prepares the devices for the machine's start. The machine does not run.
    /// - Returns: nil if another thread keeps the lock of a device; false if a device is not ready.
    @inline(never)
    public func prepareStart<Environment: BusEnvironment>(_ environment: inout Environment) -> Bool? {
        var round = Start(units: self, environment: environment)
        MachineDevices.visitAll(&round)
        environment = round.environment
        return round.areReady
    }
}

/// The result of `MachineUnits.watch`.
public struct Watch: Equatable {
    /// The time of the next call in sixteenths of a second, from 1 to 16; nil if none is needed.
    public var sixteenths: UInt64?
    /// True if a device may wait for `endMoment`, so that the timer is not available for the next call. `watch` is
    /// called after the moment's end, or when the lock of a device is free that another thread keeps.
    public var isTimerTaken = false
}

private struct Exchange<Units: MachineUnits, Environment: BusEnvironment>: DeviceVisitor {
    let units: Units
    var environment: Environment
    let bits: UInt64
    var hasChanged = false
    var isBusy = false

    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        let found = units.withDevice(position) { device in
            device.exchange(&environment)
            return (hasChanged: units.driveLine(of: device), isBusy: device.isBusy)
        }
        guard let found else {
            isBusy = true
            return units.wake(.notification(bits), whenFree: position.unit, &environment)
        }
        if found.hasChanged { hasChanged = true }
        if found.isBusy { isBusy = true }
    }
}

private struct MomentEnd<Units: MachineUnits, Environment: BusEnvironment>: DeviceVisitor {
    let units: Units
    var environment: Environment
    let bits: UInt64

    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        if units.withDevice(position, { $0.endMoment(&environment) }) == nil {
            units.wake(.notification(bits), whenFree: position.unit, &environment)
        }
    }
}

private struct Update<Units: MachineUnits, Environment: BusEnvironment>: DeviceVisitor {
    let units: Units
    var environment: Environment
    let bits: UInt64
    var hasChanged = false
    var watch = Watch()

    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        let found = units.withDevice(position) { device in
            device.update(&environment)
            return (
                hasChanged: units.driveLine(of: device), sixteenths: device.sixteenthsToUpdate(&environment),
                awaitsMoment: device.awaitsMoment
            )
        }
        guard let found else {
            // The device may need the timer, and may need a call soon.
            watch.isTimerTaken = true
            watch.sixteenths = 1
            return units.wake(.notification(bits), whenFree: position.unit, &environment)
        }
        if found.hasChanged { hasChanged = true }
        if found.awaitsMoment { watch.isTimerTaken = true }
        if let sixteenths = found.sixteenths { watch.sixteenths = min(watch.sixteenths ?? sixteenths, sixteenths) }
    }
}

private struct Start<Units: MachineUnits, Environment: BusEnvironment>: DeviceVisitor {
    let units: Units
    var environment: Environment
    var areReady: Bool? = true

    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        let isReady = units.withDevice(position) { $0.prepareStart(&environment) }
        if isReady != true, areReady != nil { areReady = isReady }
    }
}

private struct Reset<Units: MachineUnits, Environment: BusEnvironment>: DeviceVisitor {
    let units: Units
    var environment: Environment
    var isComplete = true

    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>) {
        let isReset = units.withDevice(position) { device in
            guard device.prepareReset(&environment) else { return false }
            device = device.afterReset()
            _ = units.driveLine(of: device)
            return true
        }
        if isReset != true { isComplete = false }
    }
}
