import ABI

/// Which virtual CPUs of a machine are on, and whether the machine is: what PSCI decides upon (DEN0022, 6.6).
///
/// Calls arrive from virtual CPUs on several cores; the caller of these methods serialises them. What takes time
/// between two decisions has a state of its own, so a second caller in the gap finds it: a virtual CPU that is being
/// prepared is `onPending`, one that has asked to be turned off but may still be running is `turningOff`, a machine
/// that is being turned off or reset is `stopping`, one whose RAM is being filled is `starting`.
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

    /// A machine that just started, or is starting: virtual CPU 0 is on.
    /// - Parameter virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int, machine: MachineState = .running) {
        self.virtualCPUCount = virtualCPUCount
        self.machine = machine
        states[0] = .on
    }

    public func state(of virtualCPU: Int) -> CPUState { states[virtualCPU] }

    /// Whether a virtual CPU that was left stopped for a moment may go on.
    public func mayRun(_ virtualCPU: Int) -> Bool {
        guard virtualCPU < virtualCPUCount, states[virtualCPU] == .on else { return false }
        switch machine {
        case .starting, .running: return true
        case .stopping, .off: return false
        }
    }

    /// The machine's RAM is filled: firmware calls count from now on.
    public mutating func finishStarting() {
        if machine == .starting { machine = .running }
    }
}

// MARK: - Turning a virtual CPU on

extension PowerController {
    /// Claims `target` for being prepared. Exactly one of any number of callers succeeds.
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

    /// Ends what `beginTurningOn` began, when the registers are set. True: it is on, and the caller starts it before
    /// anybody else may decide anything. False: the machine is being stopped, and it must not be started.
    public mutating func finishTurningOn(_ target: Int) -> Bool {
        guard states[target] == .onPending else { return false }
        states[target] = machine == .running ? .on : .off
        return machine == .running
    }

    /// The kernel would not start it after all.
    public mutating func abandonTurningOn(_ target: Int) {
        states[target] = .off
    }
}

// MARK: - Turning off

extension PowerController {
    mutating func beginTurningOff(_ virtualCPU: Int) {
        states[virtualCPU] = .turningOff
    }

    /// The virtual CPU has stopped.
    public mutating func finishTurningOff(_ virtualCPU: Int) {
        if states[virtualCPU] == .turningOff { states[virtualCPU] = .off }
    }

    /// Begins to turn off or reset the machine. Exactly one of any number of callers succeeds.
    public mutating func beginStopping() -> Bool {
        guard machine == .running else { return false }
        machine = .stopping
        return true
    }

    /// Whether no virtual CPU is on its way on or off: none that is stopped now can be started by an earlier call.
    public var isSettled: Bool {
        for virtualCPU in 0..<virtualCPUCount {
            switch states[virtualCPU] {
            case .onPending, .turningOff: return false
            case .on, .off: continue
            }
        }
        return true
    }

    /// Ends what `beginStopping` began: every virtual CPU has stopped.
    public mutating func finishStopping() {
        machine = .off
        for virtualCPU in 0..<virtualCPUCount { states[virtualCPU] = .off }
    }
}
