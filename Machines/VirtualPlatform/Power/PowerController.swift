import ABI

/// The power states of a machine and its virtual CPUs, on which PSCI decides (DEN0022, 6.6).
///
/// Calls arrive from virtual CPUs on several cores; the caller of these methods serialises them. An action that takes
/// time has a state of its own, so that a second caller meanwhile finds that state. A virtual CPU that is being
/// prepared is `onPending`; one that has requested to be turned off but may still be running is `turningOff`. A
/// machine that is being turned off or reset is `stopping`; one whose RAM is being filled is `starting`.
public struct PowerController {
    public enum CPUState {
        case off, onPending, on, turningOff
    }

    public enum MachineState {
        case starting, running, stopping, off
    }

    public private(set) var machine: MachineState
    private var states = InlineArray<8, CPUState>(repeating: .off)
    public let virtualCPUCount: Int

    /// Makes the state of a machine that has just started, or is starting: virtual CPU 0 is on.
    /// - Parameter virtualCPUCount: 1…8. A machine of a system has at most `PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int, machine: MachineState = .running) {
        self.virtualCPUCount = virtualCPUCount
        self.machine = machine
        states[0] = .on
    }

    public func state(of virtualCPU: Int) -> CPUState { states[virtualCPU] }

    /// Returns whether a virtual CPU that was left stopped for a moment may continue.
    public func mayRun(_ virtualCPU: Int) -> Bool {
        guard virtualCPU < virtualCPUCount, states[virtualCPU] == .on else { return false }
        switch machine {
        case .starting, .running: return true
        case .stopping, .off: return false
        }
    }

    /// Records that the machine's RAM is filled. From now on firmware calls are decided.
    public mutating func finishStarting() {
        if machine == .starting { machine = .running }
    }
}

// MARK: - Turning a virtual CPU on

extension PowerController {
    /// Claims `target`, which the caller then prepares. Exactly one of any number of callers succeeds.
    mutating func beginTurningOn(_ target: Int) -> PSCIStatus {
        switch states[target] {
        case .on, .turningOff: return .alreadyOn
        case .onPending: return .onPending
        case .off:
            guard machine == .running else { return .denied }
            states[target] = .onPending
            return .success
        }
    }

    /// Ends a transition that `beginTurningOn` began, once the registers are set. Returns true if the target is on;
    /// then the caller must start it before any other decision. Returns false if the machine is being stopped; then
    /// the caller must not start the target.
    public mutating func finishTurningOn(_ target: Int) -> Bool {
        guard states[target] == .onPending else { return false }
        states[target] = machine == .running ? .on : .off
        return machine == .running
    }

    /// Ends the transition if the kernel did not start the target.
    public mutating func abandonTurningOn(_ target: Int) {
        states[target] = .off
    }
}

// MARK: - Turning off

extension PowerController {
    mutating func beginTurningOff(_ virtualCPU: Int) {
        states[virtualCPU] = .turningOff
    }

    /// Records that the virtual CPU has stopped.
    public mutating func finishTurningOff(_ virtualCPU: Int) {
        if states[virtualCPU] == .turningOff { states[virtualCPU] = .off }
    }

    /// Begins to turn off or reset the machine. Exactly one of any number of callers succeeds.
    public mutating func beginStopping() -> Bool {
        guard machine == .running else { return false }
        machine = .stopping
        return true
    }

    /// True if no virtual CPU is being turned on or off, so that an earlier call can start none that is stopped now.
    public var isSettled: Bool {
        for virtualCPU in 0..<virtualCPUCount {
            switch states[virtualCPU] {
            case .onPending, .turningOff: return false
            case .on, .off: continue
            }
        }
        return true
    }

    /// Ends the transition that `beginStopping` began. Every virtual CPU has stopped.
    public mutating func finishStopping() {
        machine = .off
        for virtualCPU in 0..<virtualCPUCount { states[virtualCPU] = .off }
    }
}
