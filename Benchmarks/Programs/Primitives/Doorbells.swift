import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// The stores of a machine at which the machine may not store. A guest in a space of its own executes this program's
// code at EL1, with the MMU off.

/// The task of the guest, which it finds in the exchange page.
private enum GuestTask: UInt64 {
    /// Stores to an address of the monitor, over and over.
    case exits = 1
    /// Stores to a doorbell that wakes nobody.
    case quietDoorbell = 2
    /// Stores to a doorbell that wakes the client, and writes the time before each store.
    case wakingDoorbell = 3
    /// Stores to a page that it may only read, over and over.
    case readOnlyExits = 4
    /// Loads from that page.
    case readOnlyLoads = 5
    /// Stores the value of a doorbell to that page, and another value.
    case values = 6
}

/// The addresses of the guest. Nothing is mapped at those of the platform map.
extension GuestPlace {
    /// The first of 32 places, 512 bytes apart, of which the monitor answers each store. They are registers of
    /// virtio devices beside those that have doorbells.
    fileprivate static let device: UInt64 = 0x0A00_0070
    fileprivate static let notify: UInt64 = 0x0A00_0050
    fileprivate static let acknowledge: UInt64 = 0x0A00_0064
    fileprivate static let stride: UInt64 = 0x200
    /// The page that the guest may only read.
    fileprivate static let readOnly: UInt64 = 0x0A10_0000
    fileprivate static let valued: UInt64 = readOnly + 0x850
}

/// The further offsets in the exchange page.
extension Exchange {
    /// The address and the value of the last exit.
    fileprivate static let exitAddress: UInt64 = 24
    fileprivate static let exitValue: UInt64 = 32

    /// A number that the guest finds in the page.
    fileprivate static let sample: UInt64 = 0x1234_5678
}

extension Guest {
    fileprivate func start(_ task: GuestTask) { start(task.rawValue) }
    fileprivate func perform(_ task: GuestTask) { perform(task.rawValue) }
}

/// Measures a machine's stores to its monitor and to doorbells.
func measureDoorbells(_ factory: inout ObjectFactory) {
    let page = factory.create(.extent, 4096)
    factory.map(page, into: InitialSlot.space, GuestPlace.exchange, size: 4096, .write)
    factory.map(page, into: factory.space, GuestPlace.exchange, size: 4096, .write)
    let heard = factory.create(.notification)
    bind(heard, .thread, to: InitialSlot.thread)
    let portal = factory.create(.portal, UInt64(factory.thread(.guestMonitor)))

    let plain = Guest(&factory, page, portal, heard, role: Role.guest.rawValue, parameter: 32)
    plain.perform(.exits)
    report("exit.mmio-store", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)

    let guest = Guest(
        &factory, page, portal, heard, role: Role.guest.rawValue,
        parameter: KernelLimits.doorbellTable | 32)
    let quiet = factory.create(.notification)
    for index in 0..<63 as Range<UInt64> {
        let base = index < 32 ? GuestPlace.notify : GuestPlace.acknowledge
        guest.bind(base + index % 32 * GuestPlace.stride, to: index == 62 ? heard : quiet)
    }
    guest.bind(GuestPlace.valued, to: quiet, DoorbellMatch(value: 7, width: 16))
    guest.perform(.exits)
    report("exit.mmio-with-doorbells", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)
    require(poll(quiet) == 0, "keep doorbells silent")

    guest.perform(.quietDoorbell)
    report("doorbell.no-waiter", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)
    require(poll(quiet) == 1, "find the doorbell's bit")

    guest.start(.wakingDoorbell)
    var sum: UInt64 = 0
    for _ in 0..<turnsOfMeasure {
        let answer = replyWait(ReplyForm.wait)
        let now = Clock.now
        require(answer.has(.notified), "hear of the doorbell", status: answer.status)
        sum &+= now &- Exchange.read(Exchange.stamp)
    }
    report("doorbell.wake", ticks: sum, turns: turnsOfMeasure)
    guest.awaitEnd()
    measureReadOnlyMemory(&factory, guest, page, quiet)
}

/// Measures stores to memory that the machine may only read, and checks that loads from it cause no exit.
private func measureReadOnlyMemory(
    _ factory: inout ObjectFactory, _ guest: Guest, _ page: UInt32, _ quiet: UInt32
) {
    factory.map(page, into: guest.space, GuestPlace.readOnly, size: 4096, .read)
    guest.perform(.readOnlyExits)
    report("exit.read-only-store", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)

    let before = guest.memoryExits
    guest.perform(.readOnlyLoads)
    require(Exchange.read(Exchange.ticks) == Exchange.sample &* turnsOfMeasure, "read memory")
    require(guest.memoryExits &- before == 1, "read memory without an exit")

    guest.perform(.values)
    require(poll(quiet) == 1, "ring by a value")
    let last = (Exchange.read(Exchange.exitAddress), Exchange.read(Exchange.exitValue))
    require(last == (GuestPlace.valued, 8), "exit by another value")
    require(guest.memoryExits &- before == 4, "count the exits")
}

// MARK: The monitor and the guest

/// Answers each store of the guest, until the one that ends its task.
func serveGuest() -> Never {
    var answer = replyWait(ReplyForm.wait)
    while true {
        if answer.words.w1 == GuestPlace.end {
            answer = replyWait(ReplyForm.reply | ReplyForm.wait | ReplyForm.leaveStopped)
        } else {
            Exchange.write(Exchange.exitAddress, answer.words.w1)
            Exchange.write(Exchange.exitValue, answer.words.w2)
            answer = replyWait(ReplyForm.reply | ReplyForm.wait | ReplyForm.advance)
        }
    }
}

/// Performs the guest's task.
func runGuest() {
    switch GuestTask(rawValue: Exchange.read(Exchange.task)) {
    case .exits: repeatStores { GuestPlace.device + $0 % 32 * GuestPlace.stride }
    case .quietDoorbell: repeatStores { GuestPlace.notify + $0 % 32 * GuestPlace.stride }
    case .wakingDoorbell: ringWaker()
    case .readOnlyExits: repeatStores { GuestPlace.readOnly + $0 % 32 * 8 }
    case .readOnlyLoads: addLoads()
    case .values:
        entente_write32(GuestPlace.valued, 0xABC0_0007)
        entente_write32(GuestPlace.valued, 8)
    case nil: break
    }
    entente_write32(GuestPlace.end, 1)
}

/// Writes the ticks of stores to these addresses, without those of the loop.
@inline(__always)
private func repeatStores(to address: (UInt64) -> UInt64) {
    let empty = ticks(turnsOfMeasure) { entente_consume(address($0)) }
    let full = ticks(turnsOfMeasure) { entente_write32(address($0), 1) }
    Exchange.write(Exchange.ticks, full &- empty)
}

/// Writes the sum of loads from the page that the guest may only read.
private func addLoads() {
    Exchange.write(Exchange.stamp, Exchange.sample)
    var sum: UInt64 = 0
    for _ in 0..<turnsOfMeasure { sum &+= entente_read64(GuestPlace.readOnly + Exchange.stamp) }
    Exchange.write(Exchange.ticks, sum)
}

/// Stores to the doorbell of the client. A tick is 16 instructions, so the stores come at a different place of a tick
/// each time, and the mean of the differences is exact.
private func ringWaker() {
    for turn in 0..<turnsOfMeasure {
        for _ in 0..<turn % 16 { entente_spin_hint() }
        Exchange.write(Exchange.stamp, Clock.now)
        entente_write32(GuestPlace.acknowledge + 30 * GuestPlace.stride, 1)
    }
}
