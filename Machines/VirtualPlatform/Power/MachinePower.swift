import ABI

/// The state on which the monitor decides when a machine and its virtual CPUs start and stop.
public struct MachinePower {
    public var controller: PowerController
    public var cycle: PowerCycle

    /// Makes the state of a machine that is starting.
    /// - Parameter virtualCPUCount: 1…`PlatformMap.maximumVirtualCPUs`.
    public init(virtualCPUCount: Int, ticksPerMillisecond: UInt64) {
        controller = PowerController(virtualCPUCount: virtualCPUCount, machine: .starting)
        cycle = PowerCycle(ticksPerMillisecond: ticksPerMillisecond)
    }
}

/// The state of a machine between its end and its next start, except the state on which `PowerController` decides.
public struct PowerCycle {
    /// True if the machine starts again once all virtual CPUs have stopped.
    public var restarts = false
    /// The number of checks of the first thread whether the serial port's last bytes have gone.
    public var looks = 0
    /// The time at which the machine, which is off, starts again.
    public var dueAt: UInt64?
    public var backoff: ResetBackoff
    public var loading: LoadingPlan

    init(ticksPerMillisecond: UInt64) {
        self.init(
            LoadingPlan(
                memory: MemoryRange(base: 0, size: 0), maps: false,
                segments: InlineArray(repeating: MemoryRange(base: 0, size: 0))),
            ResetBackoff(ticksPerMillisecond: ticksPerMillisecond))
    }

    init(_ loading: LoadingPlan, _ backoff: ResetBackoff) {
        self.loading = loading
        self.backoff = backoff
    }
}
