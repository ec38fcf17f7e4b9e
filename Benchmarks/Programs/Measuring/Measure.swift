import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// The loops of measurements, and the lines with their figures. The programs of benchmarks that run in the place of
// root share them.

/// The number of turns of `measure`, besides the first one.
@inlinable public var turnsOfMeasure: UInt64 { 10_000 }

/// Reports a row for a loop of `turns` turns, minus the time of the same loop with an empty body.
@inlinable @inline(__always)
public func measure(_ name: StaticString, turns: UInt64 = turnsOfMeasure, _ body: (UInt64) -> Void) {
    // Warms up, because the first turn may meet a page fault or a slow path that the others do not.
    body(0)
    let empty = ticks(turns) { _ in }
    let full = ticks(turns, body)
    report(name, ticks: full &- empty, turns: turns)
}

/// Returns the ticks of a loop of `turns` turns.
@inlinable @inline(__always)
public func ticks(_ turns: UInt64, _ body: (UInt64) -> Void) -> UInt64 {
    let start = Clock.now
    var turn: UInt64 = 0
    while turn < turns {
        body(turn)
        entente_opaque()
        turn &+= 1
    }
    return Clock.now &- start
}

/// Prints a row `bench: NAME INSTRUCTIONS` with one decimal. Under `-icount shift=0` an instruction takes a
/// nanosecond, so a tick of the counter of 62.5 MHz is 16 of them.
public func report(_ name: StaticString, ticks: UInt64, turns: UInt64) {
    write("bench: ")
    write(name)
    endReport(ticks, turns)
}

/// Prints a row like `report`, whose name is KIND.NAME.SIZE.
public func report(_ kind: StaticString, _ name: StaticString, size: UInt64, ticks: UInt64, turns: UInt64) {
    write("bench: ")
    write(kind)
    write(".")
    write(name)
    write(".")
    write(decimal: size)
    endReport(ticks, turns)
}

private func endReport(_ ticks: UInt64, _ turns: UInt64) {
    let tenths = (ticks &* (10_000_000_000 / Clock.frequency) &+ turns / 2) / turns
    write(" ")
    write(decimal: tenths / 10)
    write(".")
    write(decimal: tenths % 10)
    write("\n")
}

public func write(_ text: StaticString) {
    // SAFETY: a StaticString's bytes are constants of the program.
    for index in 0..<text.utf8CodeUnitCount { put(unsafe text.utf8Start[index]) }
}

public func write(decimal number: UInt64) {
    if number >= 10 { write(decimal: number / 10) }
    put(UInt8(truncatingIfNeeded: 0x30 + number % 10))
}

/// Writes to the kernel's console, because no driver runs beside a measurement.
private func put(_ byte: UInt8) {
    let selector = Selector(slot: RootSlot.system, form: SystemForm.writeConsole.rawValue)
    invoke(.system, selector, Words(1, UInt64(byte)))
}

/// Ends the measurement without a row if an object could not be built or an operation failed.
public func require(_ answer: Answer, _ what: StaticString) { require(answer.has(.ok), what, status: answer.status) }

public func require(_ holds: Bool, _ what: StaticString, status: Status = .ok) {
    guard !holds else { return }
    write("cannot ")
    write(what)
    write(": status ")
    write(decimal: status.rawValue)
    write("\n")
    invoke(.system, Selector(slot: RootSlot.system, form: SystemForm.powerOff.rawValue), Words(1))
    while true {}
}
