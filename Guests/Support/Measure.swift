import GuestHardware

/// Counts instructions by the system counter. Under the emulator's `-icount shift=0` an instruction takes 1 ns of
/// virtual time, so a tick of a counter of 62.5 MHz is 16 instructions.
public struct Stopwatch {
    /// The instructions of a tick, in tenths.
    public static var tenthsPerTick: UInt64 { 10_000_000_000 / guest_counter_frequency() }

    private let start: UInt64

    /// Starts now.
    public init() { start = guest_counter() }

    public var ticks: UInt64 { guest_counter() &- start }

    /// The time since the start, in tenths of an instruction.
    public var tenths: UInt64 { ticks * Stopwatch.tenthsPerTick }
}

/// Prints a row: instructions for one operation, with one decimal.
public func report(_ name: StaticString, tenths: Int64) {
    write("bench: ")
    write(name)
    write(" ")
    write(tenths: tenths)
    endLine()
}

/// Returns the cost of one of `count` turns in tenths of an instruction: `body` minus `baseline`.
public func difference(_ count: UInt64, _ body: () -> Void, baseline: () -> Void) -> Int64 {
    body()
    let first = Stopwatch()
    body()
    let whole = Int64(first.tenths)
    let second = Stopwatch()
    baseline()
    // The difference may be slightly negative, because the counter rounds, although no operation makes a turn cheaper.
    return (whole - Int64(second.tenths) + Int64(count) / 2) / Int64(count)
}

/// Returns the cost of a 32-bit load from a device's address, in tenths of an instruction.
public func loadCost(of address: UInt64) -> Int64 {
    let turns: UInt64 = 10_000
    return difference(turns, { guest_loop_load(turns, address) }) { guest_loop_empty(turns) }
}
