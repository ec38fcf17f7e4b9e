import ABI
import Entente

extension TimeAllowance {
    var budgetTicks: UInt64 { ticks(budget) }
    var periodTicks: UInt64 { ticks(period) }

    /// Of the board's counter; rounded up, so that what is not 0 stays so. Durations are below 2³⁴ ns, frequencies below 2³⁰ Hz
    /// or so: the product fits.
    private func ticks(_ nanoseconds: UInt64) -> UInt64 {
        (nanoseconds * Clock.frequency + 999_999_999) / 1_000_000_000
    }
}
