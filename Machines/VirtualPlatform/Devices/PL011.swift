/// The PL011 serial port, revision r1p5, with its two FIFOs of 32 bytes (Arm DDI 0183).
///
/// The device has no baud rate: a byte is on the wire as soon as the wire takes it, and the receive time-out follows
/// the last byte at once. Input for which the FIFO has no room waits in the wire, so that no byte is lost. Like
/// QEMU's device, it works before it was enabled, and raises the receive interrupt for the first byte, regardless of
/// UARTIFLS. A break of the line is a character of 0 with the break bit, and raises the receive interrupt alone.
public struct PL011 {
    /// Bytes, each with its error bits as in UARTDR, of which only that of a break (bit 10) is ever set.
    private var received = SerialFIFO<UInt16>()
    private var transmitting = SerialFIFO<UInt8>()
    /// UARTRIS.TXRIS: set when the transmit FIFO drains to its threshold, until it is cleared or the FIFO is filled
    /// again.
    private var isTransmitRaised = false
    /// UARTRSR: the error bits of the character that was read last.
    private var receiveStatus: UInt32 = 0
    private var mask: UInt32 = 0
    private var integerBaudRate: UInt32 = 0
    private var fractionalBaudRate: UInt32 = 0
    private var lineControl: UInt32 = 0
    private var control: UInt32 = 0x300
    private var fifoLevels: UInt32 = 0x12
    private var lowPower: UInt32 = 0
    private var dmaControl: UInt32 = 0
    private var batch = OutputBatch()

    public init() {}

    /// The level of the interrupt line: high if any raw interrupt is not masked.
    @inline(__always)
    public var isInterrupting: Bool { rawInterrupts & mask != 0 }

    /// True while bytes wait for room in the wire.
    @inline(__always)
    public var isTransmitting: Bool { !transmitting.isEmpty }

    private enum Interrupt {
        static let receive: UInt32 = 1 << 4
        static let transmit: UInt32 = 1 << 5
        static let receiveTimeout: UInt32 = 1 << 6
        static let all: UInt32 = 0x7FF
    }

    private enum Flag {
        static let busy: UInt32 = 1 << 3
        static let receiveEmpty: UInt32 = 1 << 4
        static let transmitFull: UInt32 = 1 << 5
        static let receiveFull: UInt32 = 1 << 6
        static let transmitEmpty: UInt32 = 1 << 7
    }

    private static let fifoEnable: UInt32 = 1 << 4

    @inline(__always)
    private var rawInterrupts: UInt32 {
        (received.isEmpty ? 0 : Interrupt.receive | Interrupt.receiveTimeout)
            | (isTransmitRaised ? Interrupt.transmit : 0)
    }

    @inline(__always)
    private var flags: UInt32 {
        (received.isEmpty ? Flag.receiveEmpty : 0) | (received.count >= depth ? Flag.receiveFull : 0)
            | (transmitting.isEmpty ? Flag.transmitEmpty : Flag.busy)
            | (transmitting.count >= depth ? Flag.transmitFull : 0)
    }

    /// The capacity of each FIFO. A disabled FIFO is a holding register of one byte.
    private var depth: Int { lineControl & PL011.fifoEnable != 0 ? SerialFIFO<UInt8>.capacity : 1 }

    /// The number of bytes at or below which the transmit interrupt is raised (UARTIFLS.TXIFLSEL; reserved values
    /// mean the default).
    private var transmitThreshold: Int {
        guard depth > 1 else { return 0 }
        switch fifoLevels & 7 {
        case 0: return 4
        case 1: return 8
        case 3: return 24
        case 4: return 28
        default: return 16
        }
    }
}

// MARK: - The wire

extension PL011 {
    /// Moves bytes in both directions as far as possible. Called when the wire may have changed, and before the guest
    /// reads.
    @inline(__always)
    public mutating func exchange<Line: SerialLine>(_ line: inout Line) {
        if !transmitting.isEmpty { drain(&line) }
        while received.count < depth, let character = line.receive() { received.append(character) }
    }

    @inline(never)
    private mutating func drain<Line: SerialLine>(_ line: inout Line) {
        var written = OutputBatch.Written()
        let before = transmitting.count
        while let byte = transmitting.first, written.send(byte, &line) { transmitting.removeFirst() }
        if before > transmitThreshold && transmitting.count <= transmitThreshold { isTransmitRaised = true }
        announce(written, &line)
    }

    private mutating func transmit<Line: SerialLine>(_ byte: UInt8, _ line: inout Line) {
        if !transmitting.isEmpty { drain(&line) }
        var written = OutputBatch.Written()
        if !transmitting.isEmpty || !written.send(byte, &line) {
            // A byte written to a full FIFO is lost, as in hardware.
            if transmitting.count < depth { transmitting.append(byte) }
        }
        isTransmitRaised = transmitting.count <= transmitThreshold
        announce(written, &line)
    }
}

// MARK: - The reader of the wire

extension OutputBatch.Written {
    /// Sends a byte. Returns false if the wire takes no more.
    @inline(__always)
    fileprivate mutating func send<Line: SerialLine>(_ byte: UInt8, _ line: inout Line) -> Bool {
        guard line.transmit(byte) else {
            foundNoRoom = true
            return false
        }
        count += 1
        // The byte is a line feed.
        if byte == 0x0A { endsLine = true }
        return true
    }
}

extension PL011 {
    /// True while bytes that were sent wait for `endMoment`, which tells the reader of them.
    public var awaitsMoment: Bool { batch.isDeadlineSet }

    @inline(__always)
    private mutating func announce<Line: SerialLine>(_ written: OutputBatch.Written, _ line: inout Line) {
        guard !written.isNothing else { return }
        switch batch.add(written) {
        case .none: return
        case .tell: line.tellReader()
        case .setDeadline: if !line.askForMoment() { endMoment(&line) }
        }
    }

    /// Tells the reader of bytes that have waited for others to follow.
    public mutating func endMoment<Line: SerialLine>(_ line: inout Line) {
        if batch.deadlinePassed() { line.tellReader() }
    }
}

// MARK: - Registers

extension PL011 {
    /// Reads a register.
    /// - Parameter offset: below `PlatformMap.serialSize`. Offsets within a register read as zero.
    @inline(__always)
    public mutating func read<Line: SerialLine>(_ offset: UInt64, _ line: inout Line) -> UInt32 {
        switch offset {
        case 0x000:
            let character = UInt32(received.popFirst() ?? 0)
            receiveStatus = character >> 8
            exchange(&line)
            return character
        case 0x018:
            exchange(&line)
            return flags
        case 0x038: return mask
        case 0x03C: return rawInterrupts
        case 0x040: return rawInterrupts & mask
        default: return readConfiguration(offset)
        }
    }

    @inline(never)
    private mutating func readConfiguration(_ offset: UInt64) -> UInt32 {
        switch offset {
        case 0x004: return receiveStatus
        case 0x020: return lowPower
        case 0x024: return integerBaudRate
        case 0x028: return fractionalBaudRate
        case 0x02C: return lineControl
        case 0x030: return control
        case 0x034: return fifoLevels
        case 0x048: return dmaControl
        // These are UARTPeriphID0…3 (part 0x011, Arm, revision 3: FIFOs of 32) and UARTPCellID0…3.
        case 0xFE0: return 0x11
        case 0xFE4: return 0x10
        case 0xFE8: return 0x34
        case 0xFF0: return 0x0D
        case 0xFF4: return 0xF0
        case 0xFF8: return 0x05
        case 0xFFC: return 0xB1
        default: return 0
        }
    }

    @inline(__always)
    public mutating func write<Line: SerialLine>(_ offset: UInt64, _ value: UInt32, _ line: inout Line) {
        if offset == 0 {
            transmit(UInt8(truncatingIfNeeded: value), &line)
        } else {
            writeConfiguration(offset, value)
            exchange(&line)
        }
    }

    @inline(never)
    private mutating func writeConfiguration(_ offset: UInt64, _ value: UInt32) {
        switch offset {
        case 0x004: receiveStatus = 0
        case 0x020: lowPower = value & 0xFF
        case 0x024: integerBaudRate = value & 0xFFFF
        case 0x028: fractionalBaudRate = value & 0x3F
        case 0x02C: lineControl = value & 0xFF
        case 0x030: control = value & 0xFF87
        case 0x034: fifoLevels = value & 0x3F
        case 0x038: mask = value & Interrupt.all
        case 0x044: if value & Interrupt.transmit != 0 { isTransmitRaised = false }
        case 0x048: dmaControl = value & 7
        default: return
        }
    }
}

// MARK: - On the bus

extension PL011: Device {
    public static var placement: Placement {
        Placement(base: PlatformMap.serial, size: PlatformMap.serialSize, interrupt: PlatformMap.serialInterrupt)
    }

    public var isBusy: Bool { isTransmitting }

    /// Loads a register. The upper half of a load of 8 bytes is zero.
    @inline(__always)
    public mutating func read<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ environment: inout Environment
    ) -> UInt64 {
        UInt64(read(offset, &environment))
    }

    @inline(__always)
    public mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment
    ) {
        write(offset, UInt32(truncatingIfNeeded: value), &environment)
    }
}
