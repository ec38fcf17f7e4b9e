import ABI
import RuntimeSupport
import SerialConsole

/// The registers of the board's PL011 (ARM DDI 0183).
struct PL011: SerialPort {
    /// The number of bytes that it takes before its flags must be read again.
    private var room = 0

    private enum Register {
        static let data = ComponentLayout.devices
        static let flags = ComponentLayout.devices + 0x18
        static let lineControl = ComponentLayout.devices + 0x2C
        static let control = ComponentLayout.devices + 0x30
        static let interruptMask = ComponentLayout.devices + 0x38
        static let interruptClear = ComponentLayout.devices + 0x44
    }
    private static let receiveEmpty: UInt32 = 1 << 4
    private static let transmitFull: UInt32 = 1 << 5
    private static let transmitEmpty: UInt32 = 1 << 7
    /// Receive, and receive time-out.
    private static let interrupts: UInt32 = 1 << 4 | 1 << 6
    /// Bytes of the transmit FIFO. Revisions before r1p5 have no more.
    private static let depth = 16

    func start() {
        entente_write32(Register.lineControl, 0x70)  // 8 bits, FIFOs on
        entente_write32(Register.control, 0x301)  // receive, transmit, on
        entente_write32(Register.interruptClear, 0x7FF)
        entente_write32(Register.interruptMask, Self.interrupts)
    }

    /// Forgets the interrupts of bytes that came before. The caller receives those bytes next: the port does not
    /// interrupt again for what it holds.
    func clearInterrupts() { entente_write32(Register.interruptClear, Self.interrupts) }

    mutating func hasRoom() -> Bool {
        if room == 0 {
            let flags = entente_read32(Register.flags)
            room = flags & Self.transmitEmpty != 0 ? Self.depth : flags & Self.transmitFull == 0 ? 1 : 0
        }
        return room > 0
    }

    mutating func send(_ byte: UInt8) {
        entente_write32(Register.data, UInt32(byte))
        room -= 1
    }

    func receive() -> UInt8? {
        guard entente_read32(Register.flags) & Self.receiveEmpty == 0 else { return nil }
        return UInt8(truncatingIfNeeded: entente_read32(Register.data))
    }
}
