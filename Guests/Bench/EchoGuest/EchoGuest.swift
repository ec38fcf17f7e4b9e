import GuestHardware
import GuestSupport

/// Answers each event interrupt of EventGuest with a store to its own doorbell.
@c(guest_main)
public func guestMain() {
    let doorbell: UInt64 = 0x0B00_1000
    let event: UInt32 = 40
    SerialPort.initialize()
    guest_enable_mmu()
    InterruptController.initialize()
    InterruptController.enableShared(UInt64(event))
    guest_enable_interrupts()
    while true {
        interrupts.sleep { $0.has(event) }
        interrupts.clear()
        guest_store32(doorbell, 1)
    }
}
