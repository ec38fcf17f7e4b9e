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
private enum GuestPlace {
    /// A page that the guest, its monitor and the client share, at the same address.
    static let exchange: UInt64 = 0x50_0000_0000
    static let stackTop: UInt64 = 0x51_0000_0000
    /// A store here ends the task.
    static let end: UInt64 = 0x0B00_0000
    /// The first of 32 places, 512 bytes apart, of which the monitor answers each store. They are registers of
    /// virtio devices beside those that have doorbells.
    static let device: UInt64 = 0x0A00_0070
    static let notify: UInt64 = 0x0A00_0050
    static let acknowledge: UInt64 = 0x0A00_0064
    static let stride: UInt64 = 0x200
    /// The page that the guest may only read.
    static let readOnly: UInt64 = 0x0A10_0000
    static let valued: UInt64 = readOnly + 0x850
}

/// The offsets in the exchange page.
private enum Exchange {
    static let task: UInt64 = 0
    static let ticks: UInt64 = 8
    static let stamp: UInt64 = 16
    /// The address and the value of the last exit.
    static let exitAddress: UInt64 = 24
    static let exitValue: UInt64 = 32

    /// A number that the guest finds in the page.
    static let sample: UInt64 = 0x1234_5678

    static func read(_ offset: UInt64) -> UInt64 { entente_read64(GuestPlace.exchange + offset) }
    static func write(_ offset: UInt64, _ value: UInt64) { entente_write64(GuestPlace.exchange + offset, value) }
}

/// Measures a machine's stores to its monitor and to doorbells.
func measureDoorbells(_ factory: inout ObjectFactory) {
    let page = factory.create(.extent, 4096)
    factory.map(page, into: InitialSlot.space, GuestPlace.exchange, size: 4096, .write)
    factory.map(page, into: factory.space, GuestPlace.exchange, size: 4096, .write)
    let heard = factory.create(.notification)
    bind(heard, .thread, to: InitialSlot.thread)
    let portal = factory.create(.portal, UInt64(factory.thread(.guestMonitor)))

    let plain = Guest(&factory, page, portal, heard, parameter: 32)
    plain.perform(.exits)
    report("exit.mmio-store", ticks: Exchange.read(Exchange.ticks), turns: turnsOfMeasure)

    let guest = Guest(&factory, page, portal, heard, parameter: KernelLimits.doorbellTable | 32)
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

/// A virtual CPU in a space of its own.
private struct Guest {
    let virtualCPU: UInt32
    let space: UInt32
    private let entry: UInt64

    /// - Parameters:
    ///   - heard: the notification of the client, which hears that the guest has ended its task.
    ///   - parameter: the parameter with which the space is created.
    init(_ factory: inout ObjectFactory, _ page: UInt32, _ portal: UInt32, _ heard: UInt32, parameter: UInt64) {
        space = factory.create(.addressSpace, parameter)
        virtualCPU = factory.create(.virtualCPU)
        entry = factory.mapProgram(into: space, of: RootSlot.firstRegion)
        factory.map(page, into: space, GuestPlace.exchange, size: 4096, .write)
        let stack = factory.create(.extent, 16384)
        factory.map(stack, into: space, GuestPlace.stackTop - 16384, size: 16384, .write)
        let time = factory.schedulingContext(priority: 5)
        let words = Words(UInt64(space), 0, UInt64(portal), UInt64(time), 0)
        require(contextControl(virtualCPU, .configure, words), "configure a virtual CPU")
        require(contextControl(virtualCPU, .bindStopped, Words(UInt64(heard), 1)), "bind the end of a task")
    }

    /// The number of the virtual CPU's exits by accesses to memory.
    var memoryExits: UInt64 {
        readRegister(virtualCPU, RegisterNumber.counters + UInt64(ExitCounter.memory.rawValue))
    }

    func bind(_ address: UInt64, to notification: UInt32, _ match: DoorbellMatch = .every) {
        let words = Words(address, UInt64(notification), 1, match.bits)
        require(invoke(.doorbell, Selector(slot: space), words), "bind a doorbell")
    }

    func start(_ task: GuestTask) {
        Exchange.write(Exchange.task, task.rawValue)
        writeRegisters(virtualCPU, first: 0, count: 2, Role.guest.rawValue, Role.guest.rawValue)
        writeRegisters(virtualCPU, first: RegisterNumber.programCounter, count: 1, entry)
        writeRegisters(virtualCPU, first: RegisterNumber.privilegedStackPointer, count: 1, GuestPlace.stackTop)
        require(contextControl(virtualCPU, .start), "start a virtual CPU")
    }

    /// Waits until the monitor has ended the task.
    func awaitEnd() {
        while contextControl(virtualCPU, .status).words.w0 != ContextStatus.stopped.rawValue {
            _ = replyWait(ReplyForm.wait)
        }
    }

    func perform(_ task: GuestTask) {
        start(task)
        awaitEnd()
    }
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
