import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// A hostile program in a monitor's place. Its machine has a virtual CPU on each core. Instead of serving them, the
// program changes all of them in a loop, in every way that concerns the core to which they belong. The virtual CPUs
// never run.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let virtualCPUs = MonitorSlot.firstVirtualCPU..<MonitorSlot.firstVirtualCPU + 4
    for slot in virtualCPUs {
        virtualInterrupt(slot, .setEdge, 1, 0xFFFF_FFFF)
        virtualInterrupt(slot, .enable, 1, 0xFFFF_FFFF)
        virtualInterrupt(slot, .setForwarding, 0, 1)
    }
    var count: UInt64 = 0
    while true {
        for slot in virtualCPUs {
            virtualInterrupt(slot, .setPending, 1, 0xFFFF_FFFF)
            virtualInterrupt(slot, .clearPending, 1, 0xFFFF_FFFF)
            virtualInterrupt(slot, .setPriority, 40, count % 16 << 4)
            contextControl(slot, .stop)
        }
        // The hint ends the turn of the emulator's core (InterruptFlood).
        entente_spin_hint()
        count += 1
        // Further lines would only wake the console driver.
        if count == 1000 { log("flood: round \(count)") }
    }
}

@c(entente_thread_main)
func ententeThreadMain(_ core: UInt64) {
    while true { _ = replyWait(ReplyForm.wait) }
}
