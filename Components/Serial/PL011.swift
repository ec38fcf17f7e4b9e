import Entente
import SerialConsole

extension Register where Value == UInt32 {
    fileprivate static var data: Register { Register(0x00, .readWrite) }
    fileprivate static var flags: Register { Register(0x18, .readOnly) }
    fileprivate static var lineControl: Register { Register(0x2C, .writeOnly) }
    fileprivate static var control: Register { Register(0x30, .writeOnly) }
    fileprivate static var interruptMask: Register { Register(0x38, .writeOnly) }
    fileprivate static var interruptClear: Register { Register(0x44, .writeOnly) }
}

/// The board's PL011 (ARM DDI 0183).
public struct PL011: DriverPort {
    private let registers = Registers(named: "serial")
    /// The number of bytes that the port takes before the driver must read its flags again.
    private var room = 0

    private static let receiveEmpty: UInt32 = 1 << 4
    private static let transmitFull: UInt32 = 1 << 5
    private static let transmitEmpty: UInt32 = 1 << 7
    /// The interrupts for received bytes, and for the time-out of the receiver.
    private static let interrupts: UInt32 = 1 << 4 | 1 << 6
    /// The size of the transmit FIFO in bytes. Revisions before r1p5 have no more.
    private static let depth = 16

    public init() {}

    public func start() {
        registers[.lineControl] = 0x70  // 8 bits, FIFOs on
        registers[.control] = 0x301  // receive, transmit, on
        registers[.interruptClear] = 0x7FF
        registers[.interruptMask] = Self.interrupts
    }

    public func clearInterrupts() { registers[.interruptClear] = Self.interrupts }

    public mutating func hasRoom() -> Bool {
        if room == 0 {
            let flags = registers[.flags]
            room = flags & Self.transmitEmpty != 0 ? Self.depth : flags & Self.transmitFull == 0 ? 1 : 0
        }
        return room > 0
    }

    public mutating func send(_ byte: UInt8) {
        registers[.data] = UInt32(byte)
        room -= 1
    }

    public func receive() -> UInt8? {
        guard registers[.flags] & Self.receiveEmpty == 0 else { return nil }
        return UInt8(truncatingIfNeeded: registers[.data])
    }
}
