import ABI
import Entente
import VirtualPlatform

/// The monitor's first thread: loads the machine, starts it, then serves the exits of the virtual CPUs on its core.
@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let machine = MachineDescription.own
    var state = SharedMachine(virtualCPUCount: machine.virtualCPUCount)
    // SAFETY: this function never returns, so the state on its stack lives as long as the monitor.
    unsafe withUnsafeMutablePointer(to: &state) { pointer in
        unsafe SharedMachine.publish(pointer)
        let monitor = Monitor(machine: machine)
        monitor.boot(fillsMemory: false)
        monitor.serve()
    }
}

/// A further thread: serves the exits of the virtual CPUs on `core`. None comes before the first thread has started
/// one.
@c(entente_thread_main)
func ententeThreadMain(_ core: UInt64) {
    Monitor(machine: MachineDescription.own).serve()
}
