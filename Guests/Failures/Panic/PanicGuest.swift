import GuestHardware
import GuestSupport

/// Announces a panic, reports it to its pvpanic device, and continues without end.
@c(guest_main)
public func guestMain() {
    let register: UInt64 = 0x0B10_0000
    let panicked: UInt8 = 1
    SerialPort.initialize()
    write("panic: the device knows events ")
    write(decimal: UInt64(guest_load8(register)))
    endLine()
    while true { guest_store8(register, panicked) }
}
