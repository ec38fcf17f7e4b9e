import GuestHardware
import GuestSupport

/// Operations that leave the machine. On a bare board each costs an instruction or an undefined-instruction
/// exception.
enum Exits {
    static let turns: UInt64 = 10_000

    static func measure() {
        report("exit.hypercall", tenths: difference(turns, { guest_loop_hypercall(turns) }) { guest_loop_empty(turns) })
        report("exit.mmio", tenths: loadCost(of: SerialPort.flags))
        report("exit.gicd-read", tenths: loadCost(of: InterruptController.distributorType))
    }
}
