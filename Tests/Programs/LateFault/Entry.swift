import ABI
@_spi(Kernel) import Entente

// Faults at the worst moment for the supervisor that must report it. `Moment` lists the moments for argument 0. Run it
// with --icount. Each attempt comes a few instructions before the earlier one, until one is not too late; the next one
// faults.

/// The moment of the fault, by argument 0.
private enum Moment: UInt64 {
    /// Just before its budget ends, in the period after its announcement. Argument 1 is the budget in microseconds.
    case beforeTheBudgetEnds = 1
    /// Just before a more urgent component, `spinner`, wakes, and 5 ms after the announcement.
    case beforeTheSpinnerWakes = 2
    /// Never: it takes the core for 100 ms at the end of each half second.
    case spinner = 3
    /// Stops its own thread, or tries to.
    case stopItself = 4
    /// Logs, ten times per second, the share of time for which it had the core.
    case meter = 5
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let arguments = Configuration.current.arguments
    switch Moment(rawValue: arguments[0]) {
    case .beforeTheBudgetEnds: faultBeforeTheBudgetEnds(Interval.microseconds(arguments[1]).ticks)
    case .beforeTheSpinnerWakes: faultBeforeTheSpinnerWakes()
    case .spinner: spinNowAndThen()
    case .meter: measureShare()
    case .stopItself, nil: stopItself()
    }
}

/// The ticks between an attempt and the one before. A supervisor needs more for its first operation.
private let step: UInt64 = 2

private func faultBeforeTheBudgetEnds(_ budget: UInt64) {
    var margin: UInt64 = 0
    var isInTime = false
    while true {
        // The console driver's work for this line must not come between the start of the period and the fault.
        sayAttempt()
        let deadline = spinUntilTheNextPeriod() + budget - margin
        let wasInTime = spins(until: deadline)
        if wasInTime, isInTime { preconditionFailure() }
        if wasInTime { _ = spinUntilTheNextPeriod() }
        isInTime = wasInTime
        margin += step
    }
}

private func faultBeforeTheSpinnerWakes() {
    var margin: UInt64 = 0
    var isInTime = false
    while true {
        let deadline = nextHalfSecond()
        sleep(until: deadline - Interval.milliseconds(5).ticks)
        sayAttempt()
        let wasInTime = spins(until: deadline - margin)
        if wasInTime, isInTime { preconditionFailure() }
        isInTime = wasInTime
        margin += step
        // The next attempt belongs to the next half second.
        sleep(until: deadline + Interval.milliseconds(200).ticks)
    }
}

private func spinNowAndThen() {
    while true {
        let begin = nextHalfSecond()
        sleep(until: begin)
        let end = begin + Interval.milliseconds(100).ticks
        while Clock.now < end {}
    }
}

private func stopItself() {
    let status = contextControl(InitialSlot.thread, .stop).status
    let console = Console()
    console.write("late: stopping itself answers ")
    console.write(decimal: status.rawValue)
    console.write("\n")
    console.flush()
    while true { _ = Events.wait() }
}

private func measureShare() {
    let console = Console()
    // The time between two readings of the clock, if nothing interrupts them.
    let longest = Interval.microseconds(5).ticks
    while true {
        var last = Clock.now
        let end = last + Clock.frequency / 10
        var own: UInt64 = 0
        while last < end {
            let now = Clock.now
            if now - last < longest { own += now - last }
            last = now
        }
        console.write("meter: ")
        console.write(decimal: own * 1000 / Clock.frequency)
        console.write(" %\n")
        console.flush()
    }
}

/// Waits until this component has used up its budget, and returns the time at which it got the core again.
private func spinUntilTheNextPeriod() -> UInt64 {
    var last = Clock.now
    while true {
        let now = Clock.now
        if now - last > Interval.milliseconds(1).ticks { return now }
        last = now
    }
}

/// Spins until a moment. Returns false if another tenant took the core before.
private func spins(until deadline: UInt64) -> Bool {
    var now = Clock.now
    while now < deadline { now = Clock.now }
    return now - deadline < step * 4
}

private func nextHalfSecond() -> UInt64 {
    let half = Clock.frequency / 2
    return (Clock.now / half + 1) * half
}

private func sleep(until deadline: UInt64) {
    setTimer(InitialSlot.notification, deadline: deadline, bits: 2)
    while replyWait(ReplyForm.wait).tag & 2 == 0 {}
}

private func sayAttempt() {
    let console = Console()
    console.beginLine()
    console.write("late: attempt\n")
    console.flush()
}
