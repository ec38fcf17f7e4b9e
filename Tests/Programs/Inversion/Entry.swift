import ABI
@_spi(Kernel) import Entente

// The parts of a priority inversion, by argument 0: a server, a client of low priority with long requests, a spinner of
// medium priority, and an urgent client, which logs the time that it waited for its answers. Arguments 1 and 2 are
// lengths of time in microseconds.

private enum Part: UInt64 {
    /// Spins for as many ticks as the first word of a request demands, and then replies.
    case server = 0
    /// Sends requests of argument 1 without a pause.
    case slowClient = 1
    /// Sleeps for argument 1, spins for argument 2, and repeats.
    case spinner = 2
    /// Sends a request of argument 2 every argument 1.
    case urgentClient = 3
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let arguments = Configuration.current.arguments
    let (first, second) = (ticks(microseconds: arguments[1]), ticks(microseconds: arguments[2]))
    switch Part(rawValue: arguments[0]) {
    case .slowClient: callForEver(Portal(named: "server").slot, first)
    case .spinner: spinForEver(pause: first, turn: second)
    case .urgentClient: callPeriodically(Portal(named: "server").slot, period: first, request: second)
    case .server, nil: answerForEver()
    }
}

private func answerForEver() {
    var form = ReplyForm.wait
    while true {
        let answer = replyWait(form)
        form = ReplyForm.wait
        guard answer.status == .ok else { continue }
        spin(answer.words.w0)
        form |= ReplyForm.reply
    }
}

private func callForEver(_ server: UInt32, _ request: UInt64) {
    while true { _ = call(server, Words(request)) }
}

private func spinForEver(pause: UInt64, turn: UInt64) {
    while true {
        sleep(until: Clock.now + pause)
        spin(turn)
    }
}

/// Logs, after each 20 answers, the longest of all waits.
private func callPeriodically(_ server: UInt32, period: UInt64, request: UInt64) {
    var deadline = Clock.now
    var count: UInt64 = 0
    var longest: UInt64 = 0
    while true {
        deadline += period
        sleep(until: deadline)
        let start = Clock.now
        guard call(server, Words(request)).status == .ok else { continue }
        longest = max(longest, Clock.now - start)
        count += 1
        if count % 20 == 0 { log("urgent: answers \(count) longest \(longest * 1_000_000 / Clock.frequency) us") }
        // A wait beyond the period loses its answers, but not the order of later ones.
        deadline = max(deadline, Clock.now)
    }
}

private func ticks(microseconds: UInt64) -> UInt64 { Clock.frequency * microseconds / 1_000_000 }

private func spin(_ ticks: UInt64) {
    let start = Clock.now
    while Clock.now - start < ticks {}
}

private func sleep(until deadline: UInt64) {
    setTimer(InitialSlot.notification, deadline: deadline, bits: 2)
    while replyWait(ReplyForm.wait).tag & 2 == 0 {}
}
