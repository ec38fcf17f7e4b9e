import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// An interrupt for a machine: by a signal to its monitor, which raises the interrupt, and by a signal of a notification
// that is bound to it. The virtual CPU does not run, so that neither row has the interrupt's delivery.

private let interrupt: UInt64 = 40
/// The offset in the exchange page of the virtual CPU's slot.
private let virtualCPUSlot: UInt64 = 32

func measureInterrupt(_ factory: inout ObjectFactory) {
    let virtualCPU = factory.create(.virtualCPU)
    let machine = factory.create(.addressSpace, 4)
    let scheduling = factory.schedulingContext(priority: 1)
    require(
        contextControl(virtualCPU, .configure, Words(UInt64(machine), 0, 0, UInt64(scheduling), 0)),
        "configure a virtual CPU")
    require(contextControl(virtualCPU, .setAffinity, Words(0)), "number a virtual CPU")
    virtualInterrupt(virtualCPU, .setEdge, interrupt / 32, 1 << (interrupt % 32))
    virtualInterrupt(virtualCPU, .enable, interrupt / 32, 1 << (interrupt % 32))

    Exchange.write(virtualCPUSlot, UInt64(virtualCPU))
    let heard = factory.create(.notification)
    bind(heard, .thread, to: factory.thread(Role.injector.rawValue))
    measure("checked.interrupt") { _ in signal(heard) }
    require(isPending(virtualCPU), "have the monitor raise an interrupt")
    virtualInterrupt(virtualCPU, .clearPending, interrupt / 32, 1 << (interrupt % 32))

    let line = factory.create(.notification)
    let turns: UInt64 = 32
    let empty = ticks(turns) { _ in }
    let full = ticks(turns) { _ in bind(line, .virtualInterrupt, to: virtualCPU, interrupt) }
    report("bind.interrupt", ticks: full &- empty, turns: turns)
    measure("bound.interrupt") { _ in signal(line) }
    require(isPending(virtualCPU), "find the interrupt pending")
}

private func isPending(_ virtualCPU: UInt32) -> Bool {
    virtualInterrupt(virtualCPU, .readWord, interrupt / 32).words.w1 & 1 << (interrupt % 32) != 0
}

/// Runs as the monitor of the virtual CPU.
func injectInterrupts() -> Never {
    let virtualCPU = UInt32(truncatingIfNeeded: Exchange.read(virtualCPUSlot))
    while true {
        guard replyWait(ReplyForm.wait).has(.notified) else { continue }
        virtualInterrupt(virtualCPU, .setPending, interrupt / 32, 1 << (interrupt % 32))
    }
}
