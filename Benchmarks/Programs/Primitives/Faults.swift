import ABI
import Entente
import RuntimeSupport

// A page fault of a thread, its handler in another address space, and the way back. The handler steps over the
// instruction. The thread that faults keeps the time, because the handler only serves.

private let faults: UInt64 = 10_000

func measureFaults(_ workshop: inout Workshop) {
    let portal = workshop.create(.portal, UInt64(InitialSlot.thread))
    _ = workshop.thread(.faulter, faultPortal: portal)
    var answer = replyWait(ReplyForm.wait)
    while answer.words.w1 < Workshop.report {
        answer = replyWait(ReplyForm.reply | ReplyForm.advance | ReplyForm.wait)
    }
    // The address of the thread's last fault encodes the time. Until the reply, the thread's time runs the handler.
    _ = replyWait(ReplyForm.reply | ReplyForm.leaveStopped)
    report("fault.round-trip", ticks: answer.words.w1 &- Workshop.report, turns: faults)
}

/// Runs as the thread that faults. Afterwards it reads from an address that encodes the time.
func causeFaults() {
    let empty = ticks(faults) { _ in }
    let full = ticks(faults) { _ in _ = entente_read32(Workshop.nowhere) }
    _ = entente_read32(Workshop.report &+ (full &- empty))
}
