import ABI
@_spi(Kernel) import Entente
import Measuring

// Measures the ways to move data between two address spaces, and the delegation of rights between programs that do not
// trust each other. The program runs in place of root, as `Primitives` does, and nothing else runs.

/// Performs every measurement, as the client.
@c(entente_main)
func ententeMain(_ image: UInt64) {
    var factory = ObjectFactory(image: image)
    var sender = Sender(&factory)
    measureTransfers(&sender)
    findCrossings(&sender)
    measureWakeup(&factory)
    measureDelegation(&factory)
    write("bench: end\n")
    while true { _ = replyWait(ReplyForm.wait) }
}

/// The task of a thread beside the client.
enum Role: UInt64 {
    case registers = 1
    case page = 2
    case lease = 3
    case ring = 4
    case inPlace = 5
    /// Waits for its notification, over and over.
    case waiter = 6
    /// Holds what the client delegates. It is a component of its own.
    case holder = 7
}

@c(entente_thread_main)
func ententeThreadMain(_ role: UInt64) {
    switch Role(rawValue: role) {
    case .registers: receiveByRegisters()
    case .page: receiveByPage()
    case .lease: receiveByLease()
    case .ring: receiveByRing(Place.ring, copies: true)
    case .inPlace: receiveByRing(Place.ringInPlace, copies: false)
    case .waiter: while true { _ = replyWait(ReplyForm.wait) }
    case .holder: holdCapabilities()
    case nil: return
    }
}
