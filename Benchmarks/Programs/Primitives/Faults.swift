import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// A page fault of a thread, its handler in another address space, and the way back. The handler steps over the
// instruction. The thread that faults keeps the time, because the handler only serves.

private let faults: UInt64 = 10_000

func measureFaults(_ factory: inout ObjectFactory) {
    let portal = factory.create(.portal, UInt64(InitialSlot.thread))
    _ = factory.thread(.faulter, faultPortal: portal)
    var answer = replyWait(ReplyForm.wait)
    while answer.words.w1 < ObjectFactory.report {
        answer = replyWait(ReplyForm.reply | ReplyForm.advance | ReplyForm.wait)
    }
    // The address of the thread's last fault encodes the time. Until the reply, the thread's time runs the handler.
    _ = replyWait(ReplyForm.reply | ReplyForm.leaveStopped)
    report("fault.round-trip", ticks: answer.words.w1 &- ObjectFactory.report, turns: faults)
}

/// Runs as the thread that faults. Afterwards it reads from an address that encodes the time.
func causeFaults() {
    let empty = ticks(faults) { _ in }
    let full = ticks(faults) { _ in _ = entente_read32(ObjectFactory.nowhere) }
    _ = entente_read32(ObjectFactory.report &+ (full &- empty))
}
