import ABI
import Foundation

/// Asks root about a machine that has been silent since the board started, and reports root's answer to the user.
///
/// It types `state NAME` at root's console twice, four seconds apart, because the difference tells a machine that
/// computes from one that waits. It asks once in a session, and never after the machine's first byte.
struct SilenceWatch {
    enum Action: Equatable {
        /// Types a command at root's console.
        case ask(String)
        case say(String)
    }

    private enum State: Equatable {
        case listening
        case asked
        /// The first answers have come.
        case compared([ProcessorReport])
        case askedAgain([ProcessorReport])
        case ended
    }

    static let patience = Duration.seconds(20)
    private static let answerTime = Duration.seconds(3)
    private static let interval = Duration.seconds(1)

    private let machine: String
    /// The path of the machine's log.
    private let log: String
    private let started: ContinuousClock.Instant
    private var state = State.listening
    private var deadline: ContinuousClock.Instant
    private var answers: [ProcessorReport] = []

    init(machine: String, log: String, started: ContinuousClock.Instant = .now) {
        self.machine = machine
        self.log = log
        self.started = started
        deadline = started + SilenceWatch.patience
    }

    /// Returns the time until the next action of `due`, or nil if there is none.
    func untilNext(now: ContinuousClock.Instant = .now) -> Duration? {
        state == .ended ? nil : max(.zero, deadline - now)
    }

    /// Notes that the machine has printed something.
    mutating func heardMachine() { state = .ended }

    /// Takes a line of root's console, and ignores it if it is no answer.
    mutating func heardRoot(_ line: String) {
        guard state != .ended, state != .listening else { return }
        if let report = ProcessorReport(line: line, machine: machine) { answers.append(report) }
    }

    /// Returns the actions that are due at this moment.
    mutating func due(now: ContinuousClock.Instant = .now) -> [Action] {
        guard state != .ended, now >= deadline else { return [] }
        switch state {
        case .listening:
            return ask(.asked, now)
        case .asked:
            guard !answers.isEmpty else { return end(noAnswer) }
            (state, deadline) = (.compared(answers), now + SilenceWatch.interval)
            return []
        case .compared(let first):
            return ask(.askedAgain(first), now)
        case .askedAgain(let first):
            guard answers.count == first.count else { return end(noAnswer) }
            return end(zip(first, answers).map { $1.progress(since: $0) })
        case .ended:
            return []
        }
    }

    private mutating func ask(_ next: State, _ now: ContinuousClock.Instant) -> [Action] {
        (state, deadline, answers) = (next, now + SilenceWatch.answerTime, [])
        return [.ask("state \(machine)")]
    }

    private mutating func end(_ progress: [ProcessorProgress]) -> [Action] {
        state = .ended
        let seconds = SilenceWatch.patience.components.seconds
        // Virtual CPUs that were never started show nothing about the machine.
        let shown = progress.enumerated().filter { $0.offset == 0 || $0.element.kind != .stopped }
        let known = shown.map { "CPU \($0.offset) \($0.element.text)" }.joined(separator: "; ")
        return [
            .say("'\(machine)' has said nothing for \(seconds) s: \(known)"),
            .say("try: \(progress[0].remedy(log: log))"),
        ]
    }

    private mutating func end(_ texts: [String]) -> [Action] {
        state = .ended
        return texts.map(Action.say)
    }

    private var noAnswer: [String] {
        [
            "'\(machine)' has said nothing for \(SilenceWatch.patience.components.seconds) s, "
                + "and root does not answer either",
            "try: priorities below 30 for what runs on core 0, where root and the console driver work",
        ]
    }
}

/// Root's line about a virtual CPU, such as `state: debian cpu0 runs, used 19345 ms, exits: … memory 22 … monitor 12`.
struct ProcessorReport: Equatable {
    var isStopped: Bool
    var usedMilliseconds: Int
    /// The numbers of exits by the names of the kernel's counters.
    var exits: [String: Int]

    /// The number of exits. `monitor` counts some of them a second time.
    var allExits: Int { exits.values.reduce(0, +) - count(.monitor) }

    func count(_ counter: ExitCounter) -> Int { exits["\(counter.name)", default: 0] }

    init?(line: String, machine: String) {
        guard let start = line.range(of: "state: \(machine) cpu") else { return nil }
        let words = line[start.upperBound...].split(whereSeparator: { " ,:".contains($0) }).map(String.init)
        guard words.count > 3, let used = words.firstIndex(of: "used"), let list = words.firstIndex(of: "exits"),
            used + 1 < words.count, let milliseconds = Int(words[used + 1])
        else { return nil }
        isStopped = words[1] == "stopped"
        usedMilliseconds = milliseconds
        exits = [:]
        for index in stride(from: list + 1, to: words.count - 1, by: 2) {
            guard let count = Int(words[index + 1]) else { return nil }
            exits[words[index]] = count
        }
    }

    /// Returns the change between two reports, four seconds apart.
    func progress(since earlier: ProcessorReport) -> ProcessorProgress {
        let kind: ProcessorProgress.Kind
        if isStopped {
            kind = .stopped
        } else if usedMilliseconds - earlier.usedMilliseconds > 1000 {
            kind = .computes
        } else if allExits == 0 && usedMilliseconds == 0 {
            kind = .neverRan
        } else {
            kind = .waits
        }
        return ProcessorProgress(kind: kind, report: self)
    }
}

/// The state of a virtual CPU, in the user's words.
struct ProcessorProgress {
    enum Kind { case stopped, computes, waits, neverRan }

    var kind: Kind
    var report: ProcessorReport

    var text: String {
        let what =
            switch kind {
            case .stopped: "is off"
            case .computes: "computes"
            case .waits: "waits for an interrupt"
            case .neverRan: "has never had its core"
            }
        return what + ", has used \(report.usedMilliseconds) ms and left its machine \(report.allExits) times: "
            + "\(report.count(.memory)) accesses, \(report.count(.hypercall)) hypercalls, "
            + "\(report.count(.waitForInterrupt)) waits, \(report.count(.interrupt)) interrupts"
    }

    /// Returns the remedy for the user.
    ///
    /// - Parameter log: the path of the machine's log.
    func remedy(log: String) -> String {
        switch kind {
        case .stopped:
            "look at root's lines (Ctrl-A C root) and at \(log), because the machine has switched itself off or has failed"
        case .computes, .waits:
            "'console=ttyAMA0' on its command line, more 'memory', or for a program of your own its 'format' and the "
                + "address for which it is linked; './entente debug SYSTEM NAME' shows where it is"
        case .neverRan:
            "a lower 'priority' for what else runs on its core, or another 'core' for it"
        }
    }
}
