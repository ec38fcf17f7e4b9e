// The decisions of a machine's power cycle: it stops, waits for its next start, is loaded, and starts. The monitor
// calls `takeStep` whenever something may have changed, and performs the step that it returns.

/// The machine as its power cycle sees it. The caller of `takeStep` holds the lock of the power state.
public protocol PowerCycleEnvironment {
    /// The system counter.
    func ticks() -> UInt64

    /// Stops a virtual CPU. One whose exit is being served stops with the reply.
    func stop(_ virtualCPU: Int)
    func isStopped(_ virtualCPU: Int) -> Bool
    /// True while a virtual CPU that was left stopped waits for a lock (`MachineUnits.hasDeferrals`).
    var hasDeferrals: Bool { get }
    /// True if the last bytes of output have left the machine, and there is room for a report.
    func isDrained() -> Bool

    /// Resets the devices and all virtual CPUs, which are stopped. Returns false if it must be tried again later.
    func reset() -> Bool
    /// Returns the division of the filling of RAM into pieces.
    /// - Parameter maps: true if RAM is not mapped yet.
    func loadingPlan(maps: Bool) -> LoadingPlan
    /// Prepares the devices for the start. Returns false if one is not ready; `takeStep` must be called when it is.
    func prepareDevices() -> Bool
    /// Starts virtual CPU 0 at an address at which nothing is mapped. Returns false if the kernel does not start it.
    func startAtDoorstep() -> Bool
    /// Starts virtual CPU 0, which is stopped at the doorstep, at the guest's entry. It may use devices at once, so
    /// that the environment publishes `power` before.
    func startAtEntry(_ power: MachinePower) -> Bool
}

/// The monitor's next step in a machine's power cycle.
public enum PowerStep: Equatable {
    case nothing
    /// Call `takeStep` again a millisecond later.
    case lookAgain
    /// The machine stays off.
    case off
    /// The machine starts again after this number of ticks; call `takeStep` then.
    case wait(UInt64)
    /// The same, after a wait that ended too early.
    case waitLonger(UInt64)
    case cannotStart
}

extension MachinePower {
    /// The maximal number of checks for the last bytes of output. The reader of the output may be dead.
    private static let maximumLooks = 100

    /// Advances the machine towards its end or its next start.
    public mutating func takeStep<Environment: PowerCycleEnvironment>(_ environment: Environment) -> PowerStep {
        switch controller.machine {
        case .running: return .nothing
        case .starting:
            return isAtDoorstep(environment) && environment.prepareDevices() ? launch(environment) : .nothing
        case .stopping: return stop(environment)
        case .off:
            guard let dueAt = cycle.dueAt else { return .nothing }
            let now = environment.ticks()
            return now < dueAt ? .waitLonger(dueAt &- now) : beginLoading(environment, maps: false)
        }
    }

    /// Records as off each virtual CPU that requested it and that the kernel has stopped. Called before each
    /// decision, so that the thread that left the virtual CPU stopped needs no time of its own afterwards.
    public mutating func finishTurningOff<Environment: PowerCycleEnvironment>(_ environment: Environment) {
        for number in 0..<controller.virtualCPUCount
        where controller.state(of: number) == .turningOff && environment.isStopped(number) {
            controller.finishTurningOff(number)
        }
    }

    // MARK: The end

    /// Stops every virtual CPU. From now on `PowerController` lets none start.
    private mutating func stop<Environment: PowerCycleEnvironment>(_ environment: Environment) -> PowerStep {
        finishTurningOff(environment)
        guard controller.isSettled else { return .lookAgain }
        for number in 0..<controller.virtualCPUCount { environment.stop(number) }
        for number in 0..<controller.virtualCPUCount where !environment.isStopped(number) { return .lookAgain }
        // Checks the deferrals last, because a thread records one before it leaves a virtual CPU stopped.
        guard !environment.hasDeferrals, isDrained(environment) else { return .lookAgain }
        controller.finishStopping()
        guard cycle.restarts else { return .off }
        let now = environment.ticks()
        let delay = cycle.backoff.reset(at: now)
        cycle.dueAt = now &+ delay
        return delay > 0 ? .wait(delay) : beginLoading(environment, maps: false)
    }

    private mutating func isDrained<Environment: PowerCycleEnvironment>(_ environment: Environment) -> Bool {
        if environment.isDrained() { return true }
        cycle.looks += 1
        return cycle.looks > MachinePower.maximumLooks
    }

    // MARK: The start

    /// Resets the machine, and starts virtual CPU 0 at the doorstep. Every virtual CPU must be stopped.
    /// - Parameter maps: true if RAM is not mapped yet, because this is the machine's first start in this life of the
    ///   monitor.
    public mutating func beginLoading<Environment: PowerCycleEnvironment>(
        _ environment: Environment, maps: Bool
    ) -> PowerStep {
        guard environment.reset() else { return .lookAgain }
        controller = PowerController(virtualCPUCount: controller.virtualCPUCount, machine: .starting)
        cycle = PowerCycle(environment.loadingPlan(maps: maps), cycle.backoff)
        return environment.startAtDoorstep() ? .nothing : .cannotStart
    }

    /// Returns whether RAM is filled and virtual CPU 0 waits to be started.
    ///
    /// A deadline may pass while the last piece is being filled; the end of that piece leads here again. A virtual CPU
    /// whose exit is deferred comes to the doorstep again, and must not be started twice.
    private func isAtDoorstep<Environment: PowerCycleEnvironment>(_ environment: Environment) -> Bool {
        cycle.loading.isDone && environment.isStopped(0) && !environment.hasDeferrals
    }

    private mutating func launch<Environment: PowerCycleEnvironment>(_ environment: Environment) -> PowerStep {
        controller.finishStarting()
        return environment.startAtEntry(self) ? .nothing : .cannotStart
    }
}
