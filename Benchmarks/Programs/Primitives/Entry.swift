import ABI
@_spi(Kernel) import Entente
import Measuring

// Measures the kernel's primitives. The program runs in place of root, so that it can build threads in a second
// address space, notifications and a virtual CPU. Nothing else runs.

/// Performs every measurement, as the client.
@c(entente_main)
func ententeMain(_ image: UInt64) {
    // The counter starts at the board's reset, and no program runs before this line.
    let arrival = Clock.now
    report("boot.kernel", ticks: arrival, turns: 1)
    var factory = ObjectFactory(image: image)
    measureCalls(&factory)
    measureLongCalls(&factory)
    measureNotifications(&factory)
    measureDoorbells(&factory)
    measureFaults(&factory)
    measurePaging(&factory)
    measureYield(&factory)
    measureMemory(&factory)
    measureCapabilities(&factory)
    measureThreads(&factory)
    measureComponent(&factory)
    write("bench: end\n")
    while true { _ = replyWait(ReplyForm.wait) }
}

/// The task of a thread of the second address space. The thread gets it in place of a core's number.
enum Role: UInt64 {
    /// Serves `MixInterface`, in two ways.
    case mixByHand = 32
    case mixTyped = 33
    /// Answers calls with nothing.
    case silent = 1
    /// Answers calls with the words of the call.
    case echo = 2
    /// Waits for its notification, over and over.
    case waiter = 3
    /// Loads from an address that is not mapped, then reports the time that it took.
    case faulter = 4
    /// Yields the rest of its slice, over and over.
    case yielder = 5
    /// Answers calls of 64 words with as many.
    case longEcho = 6
    /// Touches pages that are not mapped.
    case toucher = 7
    /// Signals that it runs.
    case hello = 8
    /// Serves the exits of a guest.
    case guestMonitor = 9
    /// Is a guest.
    case guest = 10
}

extension ObjectFactory {
    /// Makes a thread of the second address space with this task.
    mutating func thread(
        _ role: Role, faultPortal portal: UInt32 = 0, priority: UInt64 = threadPriority, starts: Bool = true
    ) -> UInt32 {
        thread(role.rawValue, faultPortal: portal, priority: priority, starts: starts)
    }
}

@c(entente_thread_main)
func ententeThreadMain(_ role: UInt64) {
    switch Role(rawValue: role) {
    case .mixByHand: serveMixByHand()
    case .mixTyped: serveMixTyped()
    case .silent:
        _ = replyWait(ReplyForm.wait)
        while true { _ = replyWait(ReplyForm.reply | ReplyForm.wait) }
    case .echo:
        var words = replyWait(ReplyForm.wait).words
        while true { words = replyWait(ReplyForm.reply | ReplyForm.wait, words).words }
    case .waiter:
        while true { _ = replyWait(ReplyForm.wait) }
    case .faulter: causeFaults()
    case .yielder: while true { yield() }
    case .longEcho: echoLongMessages()
    case .toucher: touchPages()
    case .hello:
        signal(InitialSlot.notification)
        while true { _ = replyWait(ReplyForm.wait) }
    case .guestMonitor: serveGuest()
    case .guest: runGuest()
    case nil: return
    }
}
