import Entente
import VirtualPlatform

/// Where a machine is between its end and its next start, beside what `PowerController` decides.
struct PowerCycle {
    /// Whether the machine starts again once all virtual CPUs have stopped.
    var restarts = false
    /// How often the first thread has looked whether the serial port's last bytes are gone.
    var looks = 0
    /// When the machine, which is off, starts again.
    var dueAt: UInt64?
    var backoff = ResetBackoff(ticksPerMillisecond: Clock.frequency / 1000)
    var loading = LoadingPlan(memory: 0, holdsZeroes: true, segments: InlineArray(repeating: 0))
}
