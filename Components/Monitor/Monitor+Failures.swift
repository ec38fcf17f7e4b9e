import ABI
import Entente
import RuntimeSupport

// The failures of a machine that supervision handles. The monitor writes a line to the machine's console. If the
// manifest demands it, the monitor ends itself by a trap whose syndrome tells root the reason. Root then treats
// machine and monitor like any tenant that died, within the limits of the manifest.
extension Monitor {
    /// Handles the failures that devices have noticed, on the monitor's own time. Each is reported once until the
    /// machine is reset.
    @inline(never)
    func handleFailures(_ bits: UInt64) {
        if bits & Wake.crashLoaded != 0 { report(" has panicked, and deals with it itself\r\n") }
        if bits & Wake.panic != 0 {
            report(" has panicked\r\n")
            if machine.diesOfPanic { entente_end_by_panic() }
        }
        if bits & Wake.hang != 0 {
            report(" hangs: its watchdog has expired\r\n")
            entente_end_by_hang()
        }
    }
}
