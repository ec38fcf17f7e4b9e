import GuestHardware
import GuestSupport

/// Prints the rows that one machine can measure alone, as lines `bench: NAME INSTRUCTIONS`, then `bench: end`.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    guest_enable_mmu()
    InterruptController.initialize()
    guest_enable_interrupts()
    Exits.measure()
    Interrupts.measure()
    write("bench: end")
    endLine()
}
