import GuestHardware

/// The machine's serial port, a PL011 (Arm DDI 0183), written by polling.
public enum SerialPort {
    static let base: UInt64 = 0x0900_0000
    public static let data = base
    public static let flags = base + 0x18
    static let transmitFull: UInt32 = 1 << 5
    static let receiveEmpty: UInt32 = 1 << 4

    /// Sets eight bits, FIFOs on, transmitter and receiver on, interrupts off. Leaves the rate unchanged.
    public static func initialize() {
        guest_store32(base + 0x38, 0)
        guest_store32(base + 0x2C, 0x70)
        guest_store32(base + 0x30, 0x301)
    }

    public static func put(_ byte: UInt8) {
        while guest_load32(flags) & transmitFull != 0 { guest_spin_hint() }
        guest_store32(base, UInt32(byte))
    }

    /// Takes a byte of input, if there is one.
    public static func take() -> UInt8? {
        guest_load32(flags) & receiveEmpty != 0 ? nil : UInt8(truncatingIfNeeded: guest_load32(data))
    }
}

public func write(_ text: StaticString) {
    text.withUTF8Buffer { buffer in
        // SAFETY: the buffer of a literal is valid for ever, and only its own elements are visited.
        for index in 0..<buffer.count { SerialPort.put(unsafe buffer[index]) }
    }
}

public func write(decimal number: UInt64) {
    if number >= 10 { write(decimal: number / 10) }
    SerialPort.put(UInt8(truncatingIfNeeded: 0x30 + number % 10))
}

/// Writes a number given in tenths, with one decimal.
public func write(tenths number: Int64) {
    if number < 0 { SerialPort.put(0x2D) }
    write(decimal: number.magnitude / 10)
    SerialPort.put(0x2E)
    write(decimal: number.magnitude % 10)
}

public func endLine() {
    SerialPort.put(0x0D)
    SerialPort.put(0x0A)
}
