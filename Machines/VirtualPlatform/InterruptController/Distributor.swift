import ABI

/// The distributor (GICD): the shared interrupts 32…127, with affinity routing and one security state (IHI 0069, 12.9).
struct Distributor {
    /// The banks of words 1…3.
    private var banks: InlineArray<3, InterruptBank>
    /// GICD_IROUTER as the guest wrote them, from INTID 32 on.
    private var routes = InlineArray<96, UInt64>(repeating: 0)
    /// GICD_CTLR.EnableGrp0 and EnableGrp1.
    private var enabledGroups: UInt32 = 0
    private let virtualCPUCount: Int

    init(virtualCPUCount: Int) {
        self.virtualCPUCount = virtualCPUCount
        banks = InlineArray { InterruptBank(word: $0 + 1, owner: 0) }
    }

    var forwardsGroup1: Bool { enabledGroups & Control.enableGroup1 != 0 }

    private enum Control {
        static let enableGroup1: UInt32 = 1 << 1
        static let enableGroups: UInt32 = 0b11
        /// ARE and DS read as one: always affinity routing, one security state.
        static let fixed: UInt32 = 1 << 4 | 1 << 6
    }

    /// GICD_TYPER: 128 INTIDs (ITLinesNumber 3) of 10 bits; no LPIs, no extended ranges, no 1-of-N routing.
    private static let type: UInt32 = 3 | 9 << 19 | 1 << 25
}

// MARK: - Registers

extension Distributor {
    @inline(__always)
    mutating func read<Port: InterruptPort>(_ offset: UInt64, _ port: inout Port) -> UInt32 {
        switch offset {
        case 0x0000: return Control.fixed | enabledGroups
        case 0x0004: return Distributor.type
        case 0x0008: return GICIdentification.implementer
        case 0xFFE8: return GICIdentification.architecture
        default: return readInterrupts(offset, &port)
        }
    }

    @inline(never)
    private mutating func readInterrupts<Port: InterruptPort>(_ offset: UInt64, _ port: inout Port) -> UInt32 {
        switch offset {
        case 0x0080..<0x0400:
            guard let bank = bank(Int(offset >> 2 & 31)), let register = BankRegister(rawValue: offset >> 7) else {
                return 0
            }
            return banks[bank].read(register, count: virtualCPUCount, &port)
        case 0x0400..<0x0800:
            guard let bank = bank(Int(offset - 0x400) >> 5) else { return 0 }
            return banks[bank].readPriorities(from: Int(offset & 31))
        case 0x0C00..<0x0D00:
            guard let bank = bank(Int(offset - 0xC00) >> 3) else { return 0 }
            return banks[bank].readTriggers(upperHalf: offset & 4 != 0)
        case 0x6100..<0x6400:
            return UInt32(truncatingIfNeeded: routes[route(offset)] >> (offset & 4 != 0 ? 32 : 0))
        default:
            return 0
        }
    }

    @inline(never)
    mutating func write<Port: InterruptPort>(_ offset: UInt64, _ value: UInt32, lanes: UInt32, _ port: inout Port) {
        switch offset {
        case 0x0000:
            writeControl(enabledGroups & ~lanes | value, &port)
        case 0x0080..<0x0400:
            guard let bank = bank(Int(offset >> 2 & 31)), let register = BankRegister(rawValue: offset >> 7) else {
                return
            }
            banks[bank].write(register, value, lanes: lanes, count: virtualCPUCount, &port)
        case 0x0400..<0x0800:
            guard let bank = bank(Int(offset - 0x400) >> 5) else { return }
            banks[bank].writePriorities(from: Int(offset & 31), value, lanes: lanes, &port)
        case 0x0C00..<0x0D00:
            guard let bank = bank(Int(offset - 0xC00) >> 3) else { return }
            banks[bank].writeTriggers(
                upperHalf: offset & 4 != 0, value, lanes: lanes, count: virtualCPUCount, &port)
        case 0x6100..<0x6400:
            writeRoute(offset, value, lanes: lanes, &port)
        default:
            return
        }
    }

    private mutating func writeControl<Port: InterruptPort>(_ value: UInt32, _ port: inout Port) {
        let before = forwardsGroup1
        enabledGroups = value & Control.enableGroups
        guard forwardsGroup1 != before else { return }
        for virtualCPU in 0..<virtualCPUCount { sendForwarding(virtualCPU, &port) }
    }

    private mutating func sendForwarding<Port: InterruptPort>(_ virtualCPU: Int, _ port: inout Port) {
        port.control(.setForwarding, virtualCPU: virtualCPU, index: 0, value: forwardsGroup1 ? 1 : 0)
    }

    /// Returns the index in `banks` of a word's bank. Word 0 belongs to the redistributors; words from 4 on do not
    /// exist.
    @inline(__always)
    private func bank(_ word: Int) -> Int? { (1...3).contains(word) ? word - 1 : nil }
}

// MARK: - Routing

extension Distributor {
    private func route(_ offset: UInt64) -> Int { Int(offset - 0x6100) >> 3 }

    /// Aff3 and Aff2…Aff0; the routing mode bit is reserved if GICD_TYPER.No1N is one.
    private static let affinityBits: UInt64 = 0xFF_00FF_FFFF

    /// Returns true for the interrupts of virtio devices and of shared regions. Their notifications are bound to
    /// virtual CPU 0 for the machine's life, so the kernel pends them there. They stay there, whatever the guest writes
    /// to their routes, because they would be lost if another virtual CPU had them enabled.
    private static func isBound(_ interrupt: InterruptID) -> Bool {
        let number = UInt64(interrupt.number)
        return VirtioPages.firstInterrupt..<VirtioPages.interrupt(ofSlot: VirtioPages.slots) ~= number
            || SharedRegions.firstInterrupt..<SharedRegions.interrupt(SharedRegions.maximum) ~= number
    }

    private mutating func writeRoute<Port: InterruptPort>(
        _ offset: UInt64, _ value: UInt32, lanes: UInt32, _ port: inout Port
    ) {
        let index = route(offset)
        let shift: UInt64 = offset & 4 != 0 ? 32 : 0
        let merged = routes[index] & ~(UInt64(lanes) << shift) | UInt64(value) << shift
        routes[index] = merged & Distributor.affinityBits
        // An affinity that no virtual CPU has leaves the interrupt with its present owner.
        guard routes[index] < UInt64(virtualCPUCount) else { return }
        let interrupt = InterruptID(32 + index)
        guard !Distributor.isBound(interrupt) else { return }
        banks[interrupt.word - 1].move(interrupt, to: Int(routes[index]), &port)
    }
}

// MARK: - Lines, and a virtual CPU's reset

extension Distributor {
    @inline(__always)
    func isHigh(_ interrupt: InterruptID) -> Bool { banks[interrupt.word - 1].isHigh(interrupt) }

    mutating func setLine<Port: InterruptPort>(_ interrupt: InterruptID, high: Bool, _ port: inout Port) {
        banks[interrupt.word - 1].setLine(interrupt, high: high, &port)
    }

    mutating func setLines<Port: InterruptPort>(ofWord word: Int, _ levels: UInt32, _ port: inout Port) {
        banks[word - 1].setLines(levels, &port)
    }

    mutating func latched<Port: InterruptPort>(at virtualCPU: Int, word: Int, _ port: inout Port) -> UInt32 {
        banks[word - 1].latched(at: virtualCPU, &port)
    }

    mutating func restore<Port: InterruptPort>(_ virtualCPU: Int, word: Int, latched: UInt32, _ port: inout Port) {
        banks[word - 1].restore(virtualCPU, latched: latched, &port)
    }

    mutating func restoreForwarding<Port: InterruptPort>(_ virtualCPU: Int, _ port: inout Port) {
        sendForwarding(virtualCPU, &port)
    }
}

/// The identification of distributor and redistributors.
enum GICIdentification {
    /// GICD_IIDR, GICR_IIDR: JEP106 code of Arm, as in QEMU's device.
    static let implementer: UInt32 = 0x43B
    /// GICD_PIDR2, GICR_PIDR2: ArchRev 3 (GICv3).
    static let architecture: UInt32 = 0x3B
}
