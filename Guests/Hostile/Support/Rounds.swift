import GuestHardware
import GuestSupport

/// Does mischief for ever, in rounds of which each is announced on the serial port: `hostile: NAME round N`.
///
/// Every run is the same: the generator has a fixed seed. Interrupts stay masked outside attempts.
public func forever(_ name: StaticString, round: (_ number: UInt64, _ random: inout Random) -> Void) -> Never {
    var random = Random(seed: 0x4845_4C4C_4F21)
    var number: UInt64 = 0
    SerialPort.initialize()
    InterruptController.initialize()
    while true {
        round(number, &random)
        number += 1
        // The round may have turned them inside out.
        SerialPort.initialize()
        InterruptController.initialize()
        write("hostile: ")
        write(name)
        write(" round ")
        write(decimal: number)
        endLine()
    }
}
