// The use of the locks of a machine's units. A thread that finds a lock held leaves bits in it, and the thread that
// releases the lock handles these bits. MachineBus.swift states the order of the locks.

extension MachineUnits {
    /// Takes the lock of a unit, if a holder does not keep it for longer than some microseconds.
    @inline(__always)
    private func acquire(_ unit: MachineUnit) -> Bool {
        withBus { $0.tryAcquire(unit) } || acquirePatiently(unit)
    }

    @inline(never)
    private func acquirePatiently(_ unit: MachineUnit) -> Bool {
        for _ in 0..<patience {
            pause()
            if withBus({ $0.tryAcquire(unit) }) { return true }
        }
        return false
    }

    @inline(__always)
    private func release(_ unit: MachineUnit) -> Waiters { withBus { $0.release(unit) } }

    // MARK: A device

    /// Runs `body` with a device while no other thread uses it. `body` may call operations of the kernel, but none
    /// that waits.
    /// - Returns: nil if another thread holds the lock, which probably is off its core.
    @inline(__always)
    func withDevice<Used: Device, Result>(
        _ position: DevicePosition<Used>, _ body: (inout Used) -> Result
    ) -> Result? {
        guard acquire(position.unit) else { return nil }
        let result = useDevice(position, body)
        releaseDevice(position.unit)
        return result
    }

    @inline(__always)
    private func releaseDevice(_ unit: MachineUnit) {
        let waiters = release(unit)
        if !waiters.isNone { wakeAndRelease(unit, waiters) }
    }

    /// Releases a device's lock, which the caller holds, and then hands `waiters` on. The loop repeats only if a thread
    /// has found the lock held meanwhile for as long as `patience` lasts.
    @inline(never)
    private func wakeAndRelease(_ unit: MachineUnit, _ waiters: Waiters) {
        var (all, more) = (waiters, waiters)
        while !more.isNone {
            more = release(unit)
            all.insert(more)
        }
        wake(all)
    }

    // MARK: The interrupt controller

    /// Runs `body` with the interrupt controller while no other thread uses it, and then makes the controller follow
    /// the lines that have changed meanwhile.
    /// - Returns: nil if another thread holds the lock.
    @inline(__always)
    public func withController<Environment: InterruptPort, Result>(
        _ environment: inout Environment, _ body: (inout InterruptController, inout Environment) -> Result
    ) -> Result? {
        guard acquire(.controller) else { return nil }
        let result = useController { body(&$0, &environment) }
        releaseController(&environment)
        return result
    }

    /// Makes the interrupt controller follow the levels of the lines, one of which the caller has changed. If another
    /// thread has the controller, that thread does it when it releases the lock. So the caller does not wait, and the
    /// last level of each line arrives.
    @inline(never)
    func followLines<Environment: InterruptPort>(_ environment: inout Environment) {
        guard acquire(.controller) || withBus({ !$0.enlist(.lines, at: .controller) }) else { return }
        follow(&environment)
        releaseController(&environment)
    }

    private func follow<Environment: InterruptPort>(_ environment: inout Environment) {
        withBus { bus in useController { $0.takeOver(bus.levels, &environment) } }
    }

    @inline(__always)
    private func releaseController<Environment: InterruptPort>(_ environment: inout Environment) {
        let waiters = release(.controller)
        if !waiters.isNone { wakeAndReleaseController(waiters, &environment) }
    }

    /// Follows the lines, releases the controller's lock, and then hands `waiters` on. The loop repeats only if a
    /// thread has found the lock held meanwhile for as long as `patience` lasts.
    @inline(never)
    private func wakeAndReleaseController<Environment: InterruptPort>(
        _ waiters: Waiters, _ environment: inout Environment
    ) {
        var (all, more) = (waiters, waiters)
        while !more.isNone {
            if more.hasLines { follow(&environment) }
            more = release(.controller)
            all.insert(more)
        }
        wake(all)
    }

    // MARK: The power state

    /// Runs `body` with the machine's power state while no other thread uses it. `body` may use a device or the
    /// interrupt controller.
    /// - Returns: nil if another thread holds the lock.
    public func withPower<Result>(_ body: (inout MachinePower) -> Result) -> Result? {
        guard acquire(.power) else { return nil }
        let result = usePower { power in
            let result = body(&power)
            publish(power)
            return result
        }
        releasePower()
        return result
    }

    /// Makes accesses to devices see whether the machine runs. The caller of `withPower` needs this only before it
    /// starts a virtual CPU.
    public func publish(_ power: MachinePower) {
        withBus { $0.setRunning(power.controller.machine == .running) }
    }

    /// Releases the lock of the power state, and decides about the waiters under it.
    private func releasePower() {
        var waiters = release(.power)
        while !waiters.isNone {
            decide(waiters)
            waiters = release(.power)
        }
    }

    /// Lets virtual CPUs that waited continue, unless the machine has been stopped meanwhile. The caller holds the
    /// lock of the power state, so that none starts while another thread stops the machine.
    private func decide(_ waiters: Waiters) {
        for number in 0..<withBus({ $0.virtualCPUCount }) where waiters.contains(virtualCPU: number) {
            // The virtual CPU may be deferred again as soon as it runs.
            withBus { $0.endDeferral(of: number) }
            if usePower({ $0.controller.mayRun(number) }) { start(number) }
        }
        if waiters.notificationBits != 0 { signal(waiters.notificationBits) }
    }

    // MARK: Waiters

    /// Wakes the waiters of a lock that the caller has released. Only a holder of the power state's lock decides
    /// whether a virtual CPU continues, so that the caller hands these on if another thread holds that lock.
    private func wake(_ waiters: Waiters) {
        if waiters.notificationBits != 0 { signal(waiters.notificationBits) }
        let virtualCPUs = waiters.virtualCPUs
        if !virtualCPUs.isNone, withBus({ !$0.enlist(virtualCPUs, at: .power) }) { releasePower() }
    }

    /// Has `waiters` woken as soon as the lock of a unit is free.
    public func wake<Environment: InterruptPort>(
        _ waiters: Waiters, whenFree unit: MachineUnit, _ environment: inout Environment
    ) {
        // If the lock is free by now, this thread holds it and finds the waiters itself.
        guard withBus({ !$0.enlist(waiters, at: unit) }) else { return }
        releaseHeld(unit, &environment)
    }

    /// Releases the lock of a unit, which the caller holds, and has its waiters woken.
    func releaseHeld<Environment: InterruptPort>(_ unit: MachineUnit, _ environment: inout Environment) {
        switch unit {
        case .power: releasePower()
        case .controller: releaseController(&environment)
        default: releaseDevice(unit)
        }
    }

    /// Runs `body`, which leaves a virtual CPU stopped, and makes the virtual CPU repeat its exit once the lock of a
    /// unit is free.
    public func deferExit<Environment: InterruptPort>(
        of virtualCPU: Int, until unit: MachineUnit, _ environment: inout Environment, _ body: () -> Void
    ) {
        withBus { $0.beginDeferral(of: virtualCPU) }
        body()
        wake(.virtualCPU(virtualCPU), whenFree: unit, &environment)
    }
}

extension MachineUnits {
    /// True while the machine runs, as `MachineBus.isRunning` documents.
    public var isRunning: Bool { withBus { $0.isRunning } }

    /// True while a virtual CPU that was left stopped waits for a lock, so that the machine has not stopped yet.
    public var hasDeferrals: Bool { withBus { $0.hasDeferrals } }
}
