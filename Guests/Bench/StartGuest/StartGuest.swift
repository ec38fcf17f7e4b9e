import GuestHardware
import GuestSupport

/// Says that it has started, and sleeps for ever. It is the smallest machine that can show its start.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    write("start: the guest runs")
    endLine()
    while true { interrupts.sleep { _ in false } }
}
