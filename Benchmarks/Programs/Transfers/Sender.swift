import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

/// A way to move data.
enum Mechanism: Int {
    /// Calls of six words each.
    case registers = 0
    /// Calls of up to 64 words each, by message pages.
    case page = 1
    /// One call with a lease, out of which the server copies.
    case lease = 2
    /// Shared memory: the client copies its data into a window, and the server copies it out.
    case ring = 3
    /// The same without any copy. Neither side is protected from later changes by the other.
    case inPlace = 4
    /// The ring with copies, and one signal for `RingClient.batch` items.
    case ringBatch = 5

    static let count = 6

    var name: StaticString {
        switch self {
        case .registers: "registers"
        case .page: "page"
        case .lease: "lease"
        case .ring: "ring"
        case .inPlace: "in-place"
        case .ringBatch: "ring-of-16"
        }
    }
}

/// The client's side of the transfers. Each server is a thread of another address space on the same core, and more
/// urgent than the client. A transfer ends when the server has the data and the client has heard of it.
struct Sender {
    private let registers: UInt32
    private let page: UInt32
    private let lease: UInt32
    private var ring: RingClient
    private var inPlace: RingClient
    private var stamp: UInt64 = 1

    init(_ factory: inout ObjectFactory) {
        Sender.shareMemory(&factory)
        let heard = factory.create(.notification)
        bind(heard, to: InitialSlot.thread)
        registers = Sender.portal(&factory, .registers)
        let paged = factory.thread(Role.page.rawValue, starts: false)
        Sender.givePage(&factory, paged, factory.space)
        Sender.givePage(&factory, InitialSlot.thread, InitialSlot.space)
        page = factory.create(.portal, UInt64(paged))
        require(contextControl(paged, .start), "start a thread")
        lease = Sender.portal(&factory, .lease)
        ring = RingClient(&factory, .ring, at: Place.ring, heard)
        inPlace = RingClient(&factory, .inPlace, at: Place.ringInPlace, heard)
    }

    private static func shareMemory(_ factory: inout ObjectFactory) {
        let size = Place.largest &+ 4096
        let own = factory.create(.extent, size)
        factory.map(own, into: InitialSlot.space, Place.buffer, size: size, .write)
        let other = factory.create(.extent, size)
        factory.map(other, into: factory.space, Place.buffer, size: size, .write)
        factory.map(other, into: InitialSlot.space, Place.arrived, size: size, .write)
        let control = factory.create(.extent, 3 &* 4096)
        let window = factory.create(.extent, Place.largest)
        share(&factory, control, at: Place.ring, size: 3 &* 4096)
        share(&factory, window, at: Place.window, size: Place.largest)
    }

    private static func share(_ factory: inout ObjectFactory, _ extent: UInt32, at place: UInt64, size: UInt64) {
        factory.map(extent, into: InitialSlot.space, place, size: size, .write)
        factory.map(extent, into: factory.space, place, size: size, .write)
    }

    private static func portal(_ factory: inout ObjectFactory, _ role: Role) -> UInt32 {
        factory.create(.portal, UInt64(factory.thread(role.rawValue)))
    }

    private static func givePage(_ factory: inout ObjectFactory, _ thread: UInt32, _ space: UInt32) {
        let page = factory.create(.extent, MessagePage.size)
        factory.map(page, into: space, Place.messages, size: MessagePage.size, .write)
        require(contextControl(thread, .setMessagePage, Words(UInt64(page))), "give a thread its message page")
    }

    /// Returns the ticks of `turns` transfers of `size` bytes (or of batches of them), without those of the loop.
    /// Checks that the last one brought the data.
    mutating func ticks(_ mechanism: Mechanism, _ size: UInt64, turns: UInt64) -> UInt64 {
        entente_write64(Place.announced, size)
        stamp &+= 1
        let last = size & ~7
        if last >= 8 { entente_write64(Place.buffer &+ last &- 8, stamp) }
        transfer(mechanism, size, turns: 1)
        let empty = Measuring.ticks(turns) { _ in }
        let start = Clock.now
        transfer(mechanism, size, turns: turns)
        let full = Clock.now &- start
        if last >= 8, mechanism != .inPlace {
            require(entente_read64(Place.arrived &+ last &- 8) == stamp, "find the data at the server")
        }
        return full &- min(empty, full)
    }

    private mutating func transfer(_ mechanism: Mechanism, _ size: UInt64, turns: UInt64) {
        switch mechanism {
        case .registers: for _ in 0..<turns { sendByRegisters(size) }
        case .page: for _ in 0..<turns { sendByPage(size) }
        case .lease: for _ in 0..<turns { sendByLease(size) }
        case .ring:
            for _ in 0..<turns {
                copy(to: Place.window, from: Place.buffer, size)
                ring.send(size)
            }
        case .inPlace: for _ in 0..<turns { inPlace.send(size) }
        case .ringBatch: for _ in 0..<turns { ring.sendMany(size) }
        }
    }

    private func sendByRegisters(_ size: UInt64) {
        if size == 0 { return require(call(registers), "call") }
        var done: UInt64 = 0
        while done < size {
            require(call(registers, words(at: Place.buffer &+ done)), "call")
            done &+= Message.registers
        }
    }

    private func sendByPage(_ size: UInt64) {
        if size == 0 { return require(call(page), "call") }
        var done: UInt64 = 0
        while done < size {
            let part = min(size &- done, Message.page)
            let place = Place.buffer &+ done
            if part > Message.registers {
                copy(
                    to: Place.messages &+ Message.registers, from: place &+ Message.registers,
                    part &- Message.registers)
            }
            let shape = MessageShape(length: UInt32(truncatingIfNeeded: part &+ 7) >> 3)
            let answer = invoke(.call, Selector(slot: page, form: shape.bits), words(at: place))
            require(answer, "call with a message page")
            done &+= part
        }
    }

    private func sendByLease(_ size: UInt64) {
        let record = Place.messages &+ MessagePage.lease
        entente_write64(record, Place.buffer)
        entente_write64(record &+ 8, size)
        entente_write64(record &+ 16, UInt64(Rights.read.rawValue))
        let shape = MessageShape(length: 0, lease: true)
        require(invoke(.call, Selector(slot: lease, form: shape.bits), Words(size)), "call with a lease")
    }
}

/// The sizes of messages in bytes.
enum Message {
    static let registers: UInt64 = 48
    static let page: UInt64 = 512
}

func bind(_ notification: UInt32, to thread: UInt32) {
    require(
        invoke(
            .notificationBind, Selector(slot: notification, form: NotificationBind.thread.rawValue),
            Words(UInt64(thread))),
        "bind a notification")
}
