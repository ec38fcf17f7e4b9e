import GuestHardware
import Synchronization

/// The record of the interrupt handlers for the program that they interrupted.
public struct InterruptRecord: ~Copyable, Sendable {
    /// The last interrupt; `none` before the first.
    let last = Atomic<UInt32>(InterruptRecord.none)
    let softwareCount = Atomic<UInt64>(0)
    let timerCount = Atomic<UInt64>(0)
    let deviceCount = Atomic<UInt64>(0)
    static let none: UInt32 = 1023

    init() {}

    @inline(__always) public func clear() { last.store(InterruptRecord.none, ordering: .relaxed) }
    @inline(__always) public func has(_ number: UInt32) -> Bool { last.load(ordering: .relaxed) == number }

    /// Waits for the interrupt without leaving the processor.
    @inline(__always) public func spin(for number: UInt32) {
        while !has(number) {}
    }

    /// Sleeps until `condition` holds. Masks interrupts in between, as operating systems do, so that none arrives
    /// after the check and before the sleep; they are enabled before and afterwards.
    @inline(__always) public func sleep(until condition: (borrowing InterruptRecord) -> Bool) {
        guest_disable_interrupts()
        while !condition(self) {
            guest_wait_for_interrupt()
            guest_enable_interrupts()
            guest_disable_interrupts()
        }
        guest_enable_interrupts()
    }

    /// The number of interrupts of any kind since the start.
    public var count: UInt64 {
        softwareCount.load(ordering: .relaxed) &+ timerCount.load(ordering: .relaxed)
            &+ deviceCount.load(ordering: .relaxed)
    }
}

public let interrupts = InterruptRecord()

/// The vectors of EL1 with its own stack, by their index in the table (Arm ARM, D1.3.1).
private enum Vector: UInt64 {
    case synchronous = 4
    case interrupt = 5
}

@c(guest_handle_exception)
public func handleException(vector: UInt64, frame: UInt64, syndrome: UInt64) {
    switch Vector(rawValue: vector) {
    case .interrupt: handleInterrupt()
    case .synchronous: reportFault("synchronous exception", syndrome)
    case nil: reportFault("unexpected vector", vector)
    }
}

/// Acknowledges an interrupt, calls its own handler, and ends it.
@inline(never)
private func handleInterrupt() {
    let acknowledged = guest_acknowledge_interrupt()
    let number = acknowledged & 0xFF_FFFF
    switch number {
    case 0..<16: handleSoftwareInterrupt()
    case InterruptController.timer: handleTimer()
    case 32..<1020: handleDevice()
    default: return
    }
    interrupts.last.store(number, ordering: .relaxed)
    guest_end_interrupt(acknowledged)
}

@inline(never)
private func handleSoftwareInterrupt() { increment(interrupts.softwareCount) }

@inline(never)
private func handleTimer() {
    guest_stop_timer()
    increment(interrupts.timerCount)
}

@inline(never)
private func handleDevice() { increment(interrupts.deviceCount) }

/// Increments a counter by a load and a store, because only handlers write the counters, and they do not nest.
@inline(__always)
private func increment(_ counter: borrowing Atomic<UInt64>) {
    counter.store(counter.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
}

/// Reports a fault and ends the guest, because a well-behaved guest has none.
private func reportFault(_ what: StaticString, _ detail: UInt64) -> Never {
    write("guest: ")
    write(what)
    write(" ")
    write(decimal: detail)
    endLine()
    while true { guest_wait_for_interrupt() }
}
