import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// Delegation and revocation between two programs that do not trust each other. The holder is a component with a table,
// a space and a region of its own. The client sends it a capability in a message, and takes it back without asking.

/// The task that a call gives to the holder.
private enum Order: UInt64 {
    /// Keeps the capability that came.
    case keep = 0
    /// Maps the extent that came.
    case map = 1
    /// Signals the notification that came, and answers with the status.
    case use = 2
    /// Answers with the status of a second mapping of the extent that came.
    case mapAgain = 3
}

/// The slots of the holder's table.
private enum HolderSlot {
    static let received: UInt32 = 20
    static let mapping: UInt32 = 21
}

/// Measures a signal for which nobody waits, and one to a more urgent thread that waits, until it waits again.
func measureWakeup(_ factory: inout ObjectFactory) {
    let quiet = factory.create(.notification)
    measure("control.signal") { _ in signal(quiet) }
    require(poll(quiet) == 1, "find the signal")
    let heard = factory.create(.notification)
    bind(heard, to: factory.thread(Role.waiter.rawValue))
    measure("control.signal-wait") { _ in signal(heard) }
    require(poll(heard) == 0, "have the signal heard")
}

func measureDelegation(_ factory: inout ObjectFactory) {
    let portal = makeHolder(&factory)
    let endpoint = factory.create(.notification)
    measure(portal, endpoint, .keep, "delegate.endpoint", "revoke.endpoint")
    delegate(portal, endpoint, .keep)
    require(call(portal, Words(Order.use.rawValue)).words.w0 == Status.ok.rawValue, "use an endpoint")
    require(poll(endpoint) == 1, "hear the holder")
    require(revoke(endpoint, .descendants) == .ok, "revoke an endpoint")
    require(
        call(portal, Words(Order.use.rawValue)).words.w0 == Status.badCapability.rawValue, "have an endpoint revoked")

    let page = factory.create(.extent, 4096)
    measure(portal, page, .map, "delegate.page", "revoke.page")
    require(
        call(portal, Words(Order.mapAgain.rawValue)).words.w0 == Status.badCapability.rawValue, "have a page revoked")
}

private func makeHolder(_ factory: inout ObjectFactory) -> UInt32 {
    let unused = factory.create(.notification)
    let component = factory.buildComponent(Role.holder.rawValue, unused)
    let page = factory.create(.extent, MessagePage.size)
    let view = ComponentLayout.workspace &+ 0x1800_0000
    factory.map(page, into: InitialSlot.space, view, size: MessagePage.size, .write)
    entente_write64(view &+ MessagePage.receiveSlots, UInt64(HolderSlot.received))
    require(contextControl(component.thread, .setMessagePage, Words(UInt64(page))), "give a thread its message page")
    let rights = UInt64(Rights.write.rawValue)
    require(
        invoke(
            .derive, Selector(slot: component.space),
            Words(UInt64(component.table), UInt64(InitialSlot.space), rights)), "give a component its space")
    return factory.create(.portal, UInt64(component.thread))
}

/// Sends a capability, and waits until the holder has it.
@inline(__always)
private func delegate(_ portal: UInt32, _ capability: UInt32, _ order: Order) {
    let record = Place.messages &+ MessagePage.sentCapabilities
    entente_write64(record, UInt64(capability) | UInt64(Rights.all.rawValue) << 32)
    entente_write64(record &+ 8, 0)
    let shape = MessageShape(length: 0, capabilities: 1)
    let answer = invoke(.call, Selector(slot: portal, form: shape.bits), Words(order.rawValue))
    require(answer.has(.ok) && answer.words.w0 == Status.ok.rawValue, "delegate", status: answer.status)
}

/// Delegates and revokes in turns. A tick is 16 instructions, so that each turn begins at a different place of one.
private func measure(
    _ portal: UInt32, _ capability: UInt32, _ order: Order, _ delegation: StaticString, _ revocation: StaticString
) {
    let turns: UInt64 = 1024
    var delegated: UInt64 = 0
    var revoked: UInt64 = 0
    var empty: UInt64 = 0
    for turn in 0..<turns {
        for _ in 0..<turn % 16 { entente_spin_hint() }
        let start = Clock.now
        let again = Clock.now
        delegate(portal, capability, order)
        let between = Clock.now
        require(revoke(capability, .descendants) == .ok, "revoke")
        revoked &+= Clock.now &- between
        delegated &+= between &- again
        empty &+= again &- start
    }
    report(delegation, ticks: delegated &- empty, turns: turns)
    report(revocation, ticks: revoked &- empty, turns: turns)
}

/// Runs as the holder.
func holdCapabilities() -> Never {
    var answer = replyWait(ReplyForm.wait)
    while true {
        var status = Status.ok
        switch Order(rawValue: answer.words.w0) {
        case .map, .mapAgain: status = mapReceived()
        case .use: status = signal(HolderSlot.received)
        case .keep: break
        case nil: status = .badArgument
        }
        answer = replyWait(ReplyForm.reply | ReplyForm.wait, Words(status.rawValue))
    }
}

@inline(__always)
private func mapReceived() -> Status {
    let words = Words(
        UInt64(HolderSlot.received), ComponentLayout.devices, 0, 4096, UInt64(Rights.read.rawValue),
        UInt64(HolderSlot.mapping))
    return invoke(.map, Selector(slot: InitialSlot.space), words).status
}
