import ABI
import Entente

// The console driver: owns the board's PL011 and shares it between the consoles of all tenants.

/// Bits of the driver's notification.
private enum Event {
    /// A client's output ring has bytes.
    static let output: UInt64 = 1
    static let interrupt: UInt64 = 2
    /// Time to look again at what had to wait.
    static let retry: UInt64 = 4
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var driver = SerialDriver(clients: Int(Configuration.current.consoleClients))
    driver.start(interruptBit: Event.interrupt)
    // What came while there was no driver: the port interrupts for new bytes only, and clients told nobody.
    driver.receive()
    driver.transmit()
    driver.acknowledge()
    if driver.mustRetry { driver.askToRetry(bits: Event.retry) }
    while true {
        _ = replyWait(ReplyForm.wait)
        driver.receive()
        driver.transmit()
        driver.acknowledge()
        if driver.mustRetry { driver.askToRetry(bits: Event.retry) }
    }
}
