import ABI
import Entente
import RuntimeSupport

// A page fault of a thread, to a handler in another address space and back: the handler steps over the instruction. The
// thread that faults keeps the time, because the handler only serves.

private let faults: UInt64 = 10_000
/// The slot in which `measureFaults` leaves the portal to the handler; both address spaces share one table.
private let handlerSlot: UInt32 = 32

func measureFaults(_ workshop: inout Workshop) {
    let portal = workshop.create(.portal, UInt64(InitialSlot.thread))
    require(
        invoke(
            .derive, Selector(slot: portal),
            Words(UInt64(InitialSlot.table), UInt64(handlerSlot), UInt64(Rights.all.rawValue), 1)), "derive a portal")
    _ = workshop.thread(.faulter, faultPortal: portal)
    var answer = replyWait(ReplyForm.wait)
    while answer.tag == 0 {
        answer = replyWait(ReplyForm.reply | ReplyForm.advance | ReplyForm.wait)
    }
    // Until the reply, the handler runs on the thread's time and at its priority.
    _ = replyWait(ReplyForm.reply | ReplyForm.leaveStopped)
    report("fault.round-trip", ticks: answer.words.w0, turns: faults)
}

/// The thread that faults.
func causeFaults() {
    let empty = ticks(faults) { _ in }
    let full = ticks(faults) { _ in _ = entente_read32(Workshop.nowhere) }
    _ = call(handlerSlot, Words(full &- empty))
}
