import Entente
import VirtualPlatform

/// The state of a machine between its end and its next start, except the state on which `PowerController` decides.
struct PowerCycle {
    /// True if the machine starts again once all virtual CPUs have stopped.
    var restarts = false
    /// The number of checks of the first thread whether the serial port's last bytes have gone.
    var looks = 0
    /// The time at which the machine, which is off, starts again.
    var dueAt: UInt64?
    var backoff = ResetBackoff(ticksPerMillisecond: Clock.frequency / 1000)
    var loading = LoadingPlan(memory: 0, maps: false, segments: InlineArray(repeating: 0))
}
