import Foundation
import SystemImage

/// Makes the Linux of a machine write all files to its disks, before the board goes off.
///
/// Linux takes a key that follows a break on its serial console as a *SysRq* command, whatever its programs do. The key
/// `u` makes it write all files and mount all file systems read-only. Its report reaches the console only at a high
/// level of logging, which the key `7` sets.
struct FileSaving {
    enum Outcome: Equatable {
        case saved
        /// Linux has begun, and did not report the end in time.
        case slow
        /// Nothing that knows these keys has answered.
        case silent
        /// The machine's `kernel.sysrq` forbids the key.
        case forbidden
    }

    private enum State: Equatable {
        /// The key that sets the level of logging has been sent.
        case louder
        /// The key has been sent.
        case asked
        case writing
        case over(Outcome)
    }

    /// The time for the answer to a key. Linux answers at once, but the board may be slow.
    static let answerTime = Duration.seconds(3)
    /// The time for the writing. Without the right level of logging no report comes, so that this is a fixed wait.
    static let writingTime = Duration.seconds(60)
    static let hiddenWritingTime = Duration.seconds(5)
    private static let longestText = 4096

    private var state = State.louder
    private var deadline: ContinuousClock.Instant
    private var text: [UInt8] = []
    private var mayChangeLevel = false
    private var keys: [UInt8] = [UInt8(ascii: "7")]

    init(now: ContinuousClock.Instant = .now) { deadline = now + Self.answerTime }

    /// The outcome, or nil before the end.
    var outcome: Outcome? { if case .over(let outcome) = state { outcome } else { nil } }

    /// The time until `pass` has something to do.
    func untilNext(now: ContinuousClock.Instant = .now) -> Duration { max(.zero, deadline - now) }

    /// Returns the key that must be sent now, behind a break, and forgets it.
    mutating func nextKey() -> UInt8? { keys.popLast() }

    /// Takes output of the machine.
    mutating func heard(_ bytes: [UInt8], now: ContinuousClock.Instant = .now) {
        text = (text + bytes).suffix(Self.longestText)
        switch state {
        case .louder where has("sysrq: Loglevel set to"):
            mayChangeLevel = true
            ask(now)
        case .louder where has(Self.refusal):
            ask(now)
        case .asked where has(Self.refusal):
            state = .over(.forbidden)
        case .asked where has("Emergency Remount"):
            state = .writing
            deadline = now + (mayChangeLevel ? Self.writingTime : Self.hiddenWritingTime)
            heard([], now: now)
        case .writing where has("Emergency Remount complete"):
            state = .over(.saved)
        default: break
        }
    }

    /// Goes on when a time is over.
    mutating func pass(now: ContinuousClock.Instant = .now) {
        guard now >= deadline else { return }
        switch state {
        case .louder: ask(now)
        case .asked: state = .over(.silent)
        // A Linux whose level of logging cannot be changed has had enough time for an ordinary amount of data.
        case .writing: state = .over(mayChangeLevel ? .slow : .saved)
        case .over: break
        }
    }

    /// Returns whether a line of a machine's console says that nothing runs in the machine any more.
    static func isEnd(_ line: String) -> Bool {
        if line.contains("reboot: Power down") || line.contains("reboot: System halted") { return true }
        // The monitor's own report.
        return line.wholeMatch(of: /entente: machine [^ ]+ (is off|cannot start)\r?/) != nil
    }

    private static let refusal = "This sysrq operation is disabled"

    private mutating func ask(_ now: ContinuousClock.Instant) {
        (state, deadline, text, keys) = (.asked, now + Self.answerTime, [], [UInt8(ascii: "u")])
    }

    private func has(_ part: String) -> Bool { text.firstRange(of: Array(part.utf8)) != nil }
}

extension FileSaving.Outcome {
    /// The warning about a machine, or nil if nothing can be missing.
    func warning(about machine: String) -> String? {
        switch self {
        case .saved: nil
        case .slow: "'\(machine)' was still writing its files; the last ones may be missing"
        case .silent: "'\(machine)' did not answer; files that it has not written to its disks are missing"
        case .forbidden: "the kernel.sysrq of '\(machine)' forbids to write its files now; the last ones may be missing"
        }
    }
}

extension MachineDescription {
    /// False if the machine can have no files that a Linux has not written to a disk: each of its disks is read-only,
    /// or its guest is a bare program.
    var mayHaveUnwrittenFiles: Bool {
        guard !disks.allSatisfy(\.isReadOnly) else { return false }
        switch guest {
        case .target: return false
        case .files(_, _, let format): return format != .flat
        case .debian, .debianDisk, .firmware: return true
        }
    }
}
