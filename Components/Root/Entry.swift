import ABI
import Entente

// Root: the first tenant. It turns the image's table into tenants, and supervises them from then on.

/// Root's main thread: the supervisor.
@c(entente_main)
func ententeMain(_ image: UInt64) {
    // SAFETY: no other thread of root runs yet.
    unsafe BootTable.address = image
    var supervisor = Supervisor()
    supervisor.run()
}

/// Root's thread on a further core: calls stay on their core, and so do reports of faults. Each is reported, its thread stays
/// stopped, and the supervisor learns of it.
@c(entente_thread_main)
func ententeThreadMain(_ core: UInt64) {
    while true {
        let answer = replyWait(ReplyForm.wait)
        guard answer.status == .ok else { continue }
        FaultReport(answer).settle()
        signal(InitialSlot.notification, bits: SupervisorEvent.death)
    }
}
