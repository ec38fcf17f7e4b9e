import ABI
@_spi(Kernel) import Entente
import Measuring

// Measures operations that the kernel or a monitor checks at each use, the same work by a binding that was checked
// once, and the price of the binding: rows `checked.KIND`, `bound.KIND` and `bind.KIND`. The program runs in place of
// root, and nothing else runs.

/// Performs every measurement, as the client.
@c(entente_main)
func ententeMain(_ image: UInt64) {
    var factory = ObjectFactory(image: image)
    measureDoorbell(&factory)
    measureInterrupt(&factory)
    measureWindow(&factory, size: 4096, turns: 1000)
    measureWindow(&factory, size: 65536, turns: 100)
    measureRing(&factory)
    write("bench: end\n")
    while true { _ = replyWait(ReplyForm.wait) }
}

/// The task of a thread of the second address space.
enum Role: UInt64 {
    /// Answers the stores of a guest, and signals for it.
    case monitor = 1
    /// Is a guest.
    case guest = 2
    /// Raises an interrupt of a virtual CPU whenever its notification is raised.
    case injector = 3
}

@c(entente_thread_main)
func ententeThreadMain(_ role: UInt64) {
    switch Role(rawValue: role) {
    case .monitor: serveGuest()
    case .guest: runGuest()
    case .injector: injectInterrupts()
    case nil: return
    }
}

func bind(_ notification: UInt32, _ sink: NotificationBind, to context: UInt32, _ interrupt: UInt64 = 0) {
    require(
        invoke(
            .notificationBind, Selector(slot: notification, form: sink.rawValue), Words(UInt64(context), interrupt)),
        "bind a notification")
}
