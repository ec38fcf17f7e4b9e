import GuestHardware
import GuestSupport

/// Runs rounds of mischief for ever, and announces each on the serial port: `hostile: NAME round N`.
///
/// Every run is the same, because the generator has a fixed seed. Interrupts stay masked outside attempts.
public func forever(_ name: StaticString, round: (_ number: UInt64, _ random: inout Random) -> Void) -> Never {
    var random = Random(seed: 0x4845_4C4C_4F21)
    var number: UInt64 = 0
    SerialPort.initialize()
    InterruptController.initialize()
    while true {
        round(number, &random)
        number += 1
        // The round may have changed their registers.
        SerialPort.initialize()
        InterruptController.initialize()
        write("hostile: ")
        write(name)
        write(" round ")
        write(decimal: number)
        endLine()
    }
}
