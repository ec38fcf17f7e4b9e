import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

/// Measures call and reply through a portal of a thread in another address space on the same core. The client calls
/// in a loop; the server replies and waits in one operation. A turn has two switches of address space.
func measureCalls(_ factory: inout ObjectFactory) {
    let silent = factory.create(.portal, UInt64(factory.thread(.silent)))
    require(call(silent), "call the silent server")
    measure("ipc.call-reply.0w") { _ in _ = call(silent) }

    // The words differ in each turn, and the client reads the answer, so that neither side can omit them.
    let echo = factory.create(.portal, UInt64(factory.thread(.echo)))
    require(call(echo).words.w5 == 0 && call(echo, Words(1, 2, 3, 4, 5, 6)).words.w5 == 6, "get an echo")
    var sum: UInt64 = 0
    measure("ipc.call-reply.4w") { turn in
        let answer = call(echo, Words(turn, turn &+ 1, turn &+ 2, turn &+ 3)).words
        sum &+= answer.w0 ^ answer.w1 ^ answer.w2 ^ answer.w3
    }
    measure("ipc.call-reply.6w") { turn in
        let answer = call(echo, Words(turn, turn &+ 1, turn &+ 2, turn &+ 3, turn &+ 4, turn &+ 5)).words
        sum &+= answer.w0 ^ answer.w1 ^ answer.w2 ^ answer.w3 ^ answer.w4 ^ answer.w5
    }
    entente_consume(sum)
    measureTypedCalls(&factory)
}

/// Measures a yield to a thread of equal priority in another address space, which yields at once, and the way back.
func measureYield(_ factory: inout ObjectFactory) {
    let yielder = factory.thread(.yielder, priority: ObjectFactory.clientPriority)
    let before = switches()
    yield()
    require(switches() &- before >= 2, "have another thread run")
    measure("schedule.yield-round-trip") { _ in yield() }
    require(contextControl(yielder, .stop), "stop a thread")
}

/// Returns how often the core has changed from one context to another.
private func switches() -> UInt64 {
    invoke(
        .system, Selector(slot: RootSlot.system, form: SystemForm.readCounter.rawValue),
        Words(0, SystemCounter.switches.rawValue)
    ).words.w0
}
