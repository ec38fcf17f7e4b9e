import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

func measureNotifications(_ factory: inout ObjectFactory) {
    let quiet = factory.create(.notification)
    measure("signal.no-waiter") { _ in signal(quiet) }
    require(poll(quiet) == 1, "find the signal")
    var sum: UInt64 = 0
    measure("signal.poll") { _ in sum &+= poll(quiet) }
    entente_consume(sum)

    // The waiter is more urgent, runs in another address space, and waits again before the client continues.
    let heard = factory.create(.notification)
    bind(heard, .thread, to: factory.thread(.waiter))
    measure("signal.waiter-round-trip") { _ in signal(heard) }
    require(poll(heard) == 0, "have the signal heard")

    measureInjection(&factory)
}

/// Measures an interrupt of a virtual CPU that a system call raises: a signal of a notification that is bound to the
/// interrupt. The virtual CPU does not run, so that the figure is that of the call alone.
private func measureInjection(_ factory: inout ObjectFactory) {
    let interrupt: UInt64 = 40
    let virtualCPU = factory.create(.virtualCPU)
    let machine = factory.create(.addressSpace, 4)
    let scheduling = factory.schedulingContext(priority: 1)
    require(
        contextControl(virtualCPU, .configure, Words(UInt64(machine), 0, 0, UInt64(scheduling), 0)),
        "configure a virtual CPU")
    require(contextControl(virtualCPU, .setAffinity, Words(0)), "number a virtual CPU")
    virtualInterrupt(virtualCPU, .setEdge, interrupt / 32, 1 << (interrupt % 32))
    virtualInterrupt(virtualCPU, .enable, interrupt / 32, 1 << (interrupt % 32))
    let line = factory.create(.notification)
    bind(line, .virtualInterrupt, to: virtualCPU, interrupt)
    measure("interrupt.inject") { _ in signal(line) }
    let pending = virtualInterrupt(virtualCPU, .readWord, interrupt / 32).words.w1
    require(pending & 1 << (interrupt % 32) != 0, "find the interrupt pending")
}

func bind(_ notification: UInt32, _ sink: NotificationBind, to context: UInt32, _ interrupt: UInt64 = 0) {
    require(
        invoke(
            .notificationBind, Selector(slot: notification, form: sink.rawValue), Words(UInt64(context), interrupt)),
        "bind a notification")
}
