import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// A machine's signal to somebody: by a store to an address of its monitor, which signals, and by a store to a doorbell.
// Nobody waits for the signal, so that both rows end when the guest goes on.

private enum Place {
    /// The first of 32 addresses of the monitor.
    static let device: UInt64 = 0x0A00_0070
    static let doorbell: UInt64 = 0x0A00_0050
    static let stride: UInt64 = 0x200
}

private enum Task {
    static let exits: UInt64 = 1
    static let doorbells: UInt64 = 2
}

/// The offset in the exchange page of the slot that the monitor signals.
private let signalled: UInt64 = 24

func measureDoorbell(_ factory: inout ObjectFactory) {
    let page = factory.create(.extent, 4096)
    factory.map(page, into: InitialSlot.space, GuestPlace.exchange, size: 4096, .write)
    factory.map(page, into: factory.space, GuestPlace.exchange, size: 4096, .write)
    let heard = factory.create(.notification)
    let quiet = factory.create(.notification)
    let rung = factory.create(.notification)
    bind(heard, .thread, to: InitialSlot.thread)
    Exchange.write(signalled, UInt64(quiet))
    let portal = factory.create(.portal, UInt64(factory.thread(Role.monitor.rawValue)))
    let guest = Guest(
        &factory, page, portal, heard, role: Role.guest.rawValue, parameter: KernelLimits.doorbellTable | 32)

    guest.perform(Task.exits)
    require(poll(quiet) == 1, "have the monitor signal")
    report("checked.doorbell", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)

    let turns: UInt64 = 32
    let empty = ticks(turns) { _ in }
    let full = ticks(turns) { turn in guest.bind(Place.doorbell + turn * Place.stride, to: rung) }
    report("bind.doorbell", ticks: full &- empty, turns: turns)

    guest.perform(Task.doorbells)
    require(poll(rung) == 1 && poll(quiet) == 0, "ring without the monitor")
    report("bound.doorbell", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)
}

/// Signals at each store of the guest, until the one that ends its task.
func serveGuest() -> Never {
    let notification = UInt32(truncatingIfNeeded: Exchange.read(signalled))
    var answer = replyWait(ReplyForm.wait)
    while true {
        if answer.words.w1 == GuestPlace.end {
            answer = replyWait(ReplyForm.reply | ReplyForm.wait | ReplyForm.leaveStopped)
        } else {
            signal(notification)
            answer = replyWait(ReplyForm.reply | ReplyForm.wait | ReplyForm.advance)
        }
    }
}

func runGuest() {
    let base = Exchange.read(Exchange.task) == Task.exits ? Place.device : Place.doorbell
    let empty = ticks(turnsOfMeasure) { entente_consume(base + $0 % 32 * Place.stride) }
    let full = ticks(turnsOfMeasure) { entente_write32(base + $0 % 32 * Place.stride, 1) }
    Exchange.write(Exchange.ticks, full &- empty)
    entente_write32(GuestPlace.end, 1)
}
