import Entente
import SerialDriver

// The console driver owns the board's PL011, and shares it between the consoles of all tenants.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var driver = SerialDriver(port: PL011())
    driver.run()
}
