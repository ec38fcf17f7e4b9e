import GuestHardware
import GuestSupport
import HostileSupport

/// Writes line feeds for ever, even if the serial port has no room. Each makes the monitor call the console driver.
@c(guest_main)
public func guestMain() {
    forever("linefeeds") { _, _ in
        for _ in 0..<10_000 { guest_store32(SerialPort.data, 0x0A) }
    }
}
