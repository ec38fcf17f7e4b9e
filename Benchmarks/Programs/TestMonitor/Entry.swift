import ABI
@_spi(Kernel) import Entente
import MachineMonitor

// A monitor whose machine also has the test page of Guests/README.md. It checks for the page first, so that the
// benchmark measures the way to a monitor and back, without a monitor's work.

@c(entente_main)
func ententeMain(_ argument: UInt64) { Monitor.start(serve) }

@c(entente_thread_main)
func ententeThreadMain(_ core: UInt64) { serve(Monitor.further) }

private func serve(_ monitor: Monitor) -> Never {
    var answer = replyWait(ReplyForm.wait)
    while true {
        switch TestPage.register(answer) {
        case .bare: answer = TestPage.resume(answer)
        case .handOver:
            // The monitor runs on the time of its machine, so that its yield lets the other machine run.
            yield()
            answer = TestPage.resume(answer)
        case .absence:
            for _ in 0..<TestPage.absentTurns { yield() }
            answer = TestPage.resume(answer)
        case nil: answer = monitor.respond(to: answer)
        }
    }
}

/// The addresses of the test page, at which the platform has no device; see Guests/README.md.
private enum TestPage: UInt64 {
    case bare = 0x0B00_0000
    case handOver = 0x0B00_0008
    case absence = 0x0B00_0010

    /// The number of yields for `absence`. They take longer than the other machine's two loops of 10,000 turns, and
    /// end before its third loop does.
    static let absentTurns = 30_000

    /// Returns the register of the page from which the machine loads, if that is the reason of the exit.
    @inline(__always)
    static func register(_ answer: Answer) -> TestPage? {
        guard answer.has(.ok), let page = TestPage(rawValue: answer.words.w1) else { return nil }
        let tag = ExitTag(bits: answer.words.w0)
        return tag.bits >> 56 == ExitKind.memoryAccess.rawValue && !tag.isWrite ? page : nil
    }

    /// Lets the machine continue with 1 in the register that it loads, and waits for the next exit.
    @inline(__always)
    static func resume(_ answer: Answer) -> Answer {
        let form = ReplyForm.reply | ReplyForm.advance | ReplyForm.wait | ReplyForm.writeRegister
        return replyWait(form | ExitTag(bits: answer.words.w0).register << ReplyForm.registerShift, Words(1))
    }
}
