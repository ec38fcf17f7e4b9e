import ABI
@_spi(Kernel) import Entente
import Hypercall
import Measuring
import RuntimeSupport

// A machine's signal to somebody: by a store to an address of its monitor, which signals, by a hypercall of its own,
// and by a store to a doorbell. Nobody waits for the signal, so that all rows end when the guest goes on.

private enum Place {
    /// The first of 32 addresses of the monitor.
    static let device: UInt64 = 0x0A00_0070
    static let doorbell: UInt64 = 0x0A00_0050
    static let stride: UInt64 = 0x200
}

private enum Task {
    static let exits: UInt64 = 1
    static let doorbells: UInt64 = 2
    static let hypercalls: UInt64 = 3
}

/// The slot of the notification in the guest's table.
private let guestSlot: UInt32 = 4

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
    let called = factory.create(.notification)
    let table = factory.create(.capabilityTable, 8)
    let words = Words(UInt64(table), UInt64(guestSlot), UInt64(Rights.write.rawValue))
    require(invoke(.derive, Selector(slot: called), words), "give a guest a capability")
    let guest = Guest(
        &factory, page, portal, heard, role: Role.guest.rawValue, parameter: KernelLimits.doorbellTable | 32,
        table: table)

    guest.perform(Task.exits)
    require(poll(quiet) == 1, "have the monitor signal")
    report("checked.doorbell", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)

    guest.perform(Task.hypercalls)
    require(poll(called) == 1 && poll(quiet) == 0, "have the guest signal")
    report("checked.hypercall", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)

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
    switch Exchange.read(Exchange.task) {
    case Task.hypercalls:
        let operation = Operation.hypercallBase | Operation.signal.rawValue
        measureInGuest { turn in
            entente_consume(Place.device + turn % 32 * Place.stride)
            _ = hypercall(operation, UInt64(guestSlot), 1)
        }
    case Task.exits: measureInGuest { entente_write32(Place.device + $0 % 32 * Place.stride, 1) }
    default: measureInGuest { entente_write32(Place.doorbell + $0 % 32 * Place.stride, 1) }
    }
    entente_write32(GuestPlace.end, 1)
}

/// Writes the ticks of a loop to the exchange page, without those of an empty one.
@inline(__always)
private func measureInGuest(_ body: (UInt64) -> Void) {
    let empty = ticks(turnsOfMeasure) { entente_consume(Place.device + $0 % 32 * Place.stride) }
    let full = ticks(turnsOfMeasure, body)
    Exchange.write(Exchange.ticks, full &- empty)
}
