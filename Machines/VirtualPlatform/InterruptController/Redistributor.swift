import ABI

/// A redistributor (GICR): the private interrupts 0…31 of one virtual CPU, in two frames of 64 KiB (IHI 0069, 12.11).
struct Redistributor {
    private let number: Int
    private let isLast: Bool
    private var bank: InterruptBank
    /// GICR_WAKER.ProcessorSleep. ChildrenAsleep follows it at once.
    private var isAsleep = true

    init(number: Int, isLast: Bool) {
        self.number = number
        self.isLast = isLast
        bank = InterruptBank(word: 0, owner: number)
    }

    private enum Waker {
        static let processorSleep: UInt32 = 1 << 1
        static let childrenAsleep: UInt32 = 1 << 2
    }

    /// The offset of the frame of software-generated and private interrupts.
    private static let interruptFrame: UInt64 = 0x1_0000

    /// Reads a register.
    /// - Parameter offset: a multiple of 4 below `PlatformMap.redistributorStride`.
    mutating func read<Port: InterruptPort>(_ offset: UInt64, _ port: inout Port) -> UInt32 {
        if offset >= Redistributor.interruptFrame {
            return readInterrupts(offset - Redistributor.interruptFrame, &port)
        }
        switch offset {
        case 0x0004: return GICIdentification.implementer
        // GICR_TYPER holds the processor number and Last; no LPIs.
        case 0x0008: return UInt32(truncatingIfNeeded: number) << 8 | (isLast ? 1 << 4 : 0)
        // Its upper half is the affinity, which equals the number.
        case 0x000C: return UInt32(truncatingIfNeeded: number)
        case 0x0014: return isAsleep ? Waker.processorSleep | Waker.childrenAsleep : 0
        case 0xFFE8: return GICIdentification.architecture
        default: return 0
        }
    }

    private mutating func readInterrupts<Port: InterruptPort>(_ offset: UInt64, _ port: inout Port) -> UInt32 {
        switch offset {
        case 0x0080..<0x0400:
            guard offset & 0x7F == 0, let register = BankRegister(rawValue: offset >> 7) else { return 0 }
            return bank.read(register, count: number + 1, &port)
        case 0x0400..<0x0420: return bank.readPriorities(from: Int(offset & 31))
        case 0x0C00, 0x0C04: return bank.readTriggers(upperHalf: offset & 4 != 0)
        default: return 0
        }
    }

    mutating func write<Port: InterruptPort>(_ offset: UInt64, _ value: UInt32, lanes: UInt32, _ port: inout Port) {
        if offset >= Redistributor.interruptFrame {
            writeInterrupts(offset - Redistributor.interruptFrame, value, lanes: lanes, &port)
        } else if offset == 0x0014 && lanes & 0xFF != 0 {
            isAsleep = value & Waker.processorSleep != 0
        }
    }

    private mutating func writeInterrupts<Port: InterruptPort>(
        _ offset: UInt64, _ value: UInt32, lanes: UInt32, _ port: inout Port
    ) {
        switch offset {
        case 0x0080..<0x0400:
            guard offset & 0x7F == 0, let register = BankRegister(rawValue: offset >> 7) else { return }
            bank.write(register, value, lanes: lanes, count: number + 1, &port)
        case 0x0400..<0x0420:
            bank.writePriorities(from: Int(offset & 31), value, lanes: lanes, &port)
        case 0x0C00, 0x0C04:
            bank.writeTriggers(upperHalf: offset & 4 != 0, value, lanes: lanes, count: number + 1, &port)
        default:
            return
        }
    }

    /// Returns the latched interrupts without the timers', because `restore` would latch interrupts that are pending
    /// only because of a line.
    mutating func latched<Port: InterruptPort>(_ port: inout Port) -> UInt32 {
        bank.latched(at: number, &port) & ~PlatformMap.timers
    }

    mutating func restore<Port: InterruptPort>(latched: UInt32, _ port: inout Port) {
        bank.restore(number, latched: latched, &port)
    }
}
