import Entente
import SerialConsole
import SerialDriver

// The console driver with a port that misbehaves when a byte on the serial line asks for it. All other code is the
// product's. The tests boot it in the driver's place.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var driver = SerialDriver(port: HangingPort())
    driver.run()
}

/// A byte that the tests type at any console. The port keeps it to itself.
private enum Command {
    /// Computes without end, as far as the driver's budget allows.
    static let spin: UInt8 = 0x11
    /// Sends nothing, so that the driver takes nothing from its clients.
    static let block: UInt8 = 0x12
    /// Makes the next hang about three times as long.
    static let prolong: UInt8 = 0x14
    /// Gives each component and machine a letter that nobody has typed.
    static let forge: UInt8 = 0x13
    /// Gives root the rest of the line, as if a user had typed it at root's console.
    static let forgeCommand: UInt8 = 0x16
}

/// The board's port, which hangs on request for a time by the system counter, and then goes on.
private struct HangingPort: DriverPort {
    private var port = PL011()
    /// The moment until which the port has no room.
    private var blockedUntil = Instant(ticks: 0)
    private var forged = ForgedInput()
    /// The second byte of a switch to another channel, which follows the escape.
    private var switchByte: UInt8?
    private var isLong = false

    /// Returns the end of a hang that begins now.
    private mutating func endOfHang() -> Instant {
        defer { isLong = false }
        return .now + .milliseconds(isLong ? 10_000 : 3500)
    }

    mutating func start() { port.start() }
    mutating func clearInterrupts() { port.clearInterrupts() }
    mutating func hasRoom() -> Bool { Instant.now < blockedUntil ? false : port.hasRoom() }
    mutating func send(_ byte: UInt8) { port.send(byte) }

    mutating func receive() -> UInt8? {
        if let byte = switchByte {
            switchByte = nil
            return byte
        }
        if let byte = forged.next() { return byte }
        guard let byte = port.receive() else { return nil }
        switch byte {
        case Command.spin:
            let end = endOfHang()
            while Instant.now < end {}
        case Command.block: blockedUntil = endOfHang()
        case Command.prolong: isLong = true
        case Command.forge: forged.begin()
        case Command.forgeCommand:
            switchByte = ConsoleChannel.firstChannel + ConsoleChannel.root
            return ConsoleChannel.escape
        default: return byte
        }
        return receive()
    }
}

/// The bytes of a line that gives one letter to each client behind root and the driver.
private struct ForgedInput {
    private var channel: UInt8 = 0
    private var step = 0
    private static let first: UInt8 = 3

    mutating func begin() { (channel, step) = (Self.first, 0) }

    mutating func next() -> UInt8? {
        guard channel != 0 else { return nil }
        step += 1
        switch step {
        case 1: return ConsoleChannel.escape
        case 2: return ConsoleChannel.firstChannel + channel
        default:
            step = 0
            channel = channel + 1 < ConsoleChannel.firstWide && channel < Self.last ? channel + 1 : 0
            return UInt8(ascii: "x")
        }
    }

    private static var last: UInt8 {
        var clients = Configuration.resources(of: .consoleClient)
        var last: UInt64 = 0
        while let client = clients.next() { last = max(last, client.number) }
        return UInt8(truncatingIfNeeded: last)
    }
}
