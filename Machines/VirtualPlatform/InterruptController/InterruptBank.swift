import ABI

/// The 32 interrupts of one word: the guest's configuration, and the virtual CPU that keeps each.
///
/// A virtual CPU's INTIDs 0…31 are one bank that it owns alone. Each 32 shared interrupts are a bank whose bits are
/// owned by the virtual CPUs to which they are routed. The kernel has a copy of all configuration in a bank, and only
/// the kernel knows which interrupts are pending and active.
///
/// Methods that change nothing are `mutating` nevertheless, here and in the types that contain banks, because
/// otherwise each call would copy a value of this size.
struct InterruptBank {
    /// INTID / 32.
    let word: Int
    /// The interrupts of the 32 that each virtual CPU keeps.
    var owners: InlineArray<8, UInt32>
    private(set) var enabled: UInt32 = 0
    /// The edge-triggered interrupts; the others are level-sensitive.
    private(set) var edge: UInt32
    /// IGROUPR, kept for the guest to read; there is only one group.
    private var group: UInt32 = 0
    /// The input lines that are high.
    private(set) var lines: UInt32 = 0
    private var priorities = InlineArray<32, UInt8>(repeating: 0)

    /// Makes the bank of `word`, owned by `owner` as a whole. Software-generated interrupts are edge-triggered.
    init(word: Int, owner: Int) {
        self.word = word
        owners = InlineArray(repeating: 0)
        owners[owner] = ~0
        edge = word == 0 ? 0x0000_FFFF : 0
    }

    /// True if any virtual CPU may keep bits of this bank.
    private var isShared: Bool { word != 0 }

    mutating func owner(of bit: UInt32) -> Int {
        for virtualCPU in 0..<8 where owners[virtualCPU] & bit != 0 { return virtualCPU }
        return 0
    }

    /// Applies a masked form at each owner of bits in `mask`.
    mutating func apply<Port: InterruptPort>(_ form: VirtualInterruptControl, _ mask: UInt32, _ port: inout Port) {
        guard mask != 0 else { return }
        for virtualCPU in 0..<8 {
            let owned = mask & owners[virtualCPU]
            if owned != 0 {
                port.control(form, virtualCPU: virtualCPU, index: UInt64(word), value: UInt64(owned))
            }
        }
    }
}

// MARK: - The bit registers

/// The registers of one bit per interrupt, in the order of their offsets: `rawValue` is offset / 0x80
/// (GICD_IGROUPR 0x080 … GICD_ICACTIVER 0x380, and the same in a redistributor's second frame).
enum BankRegister: UInt64 {
    case group = 1
    case setEnable, clearEnable
    case setPending, clearPending
    case setActive, clearActive
}

extension InterruptBank {
    mutating func read<Port: InterruptPort>(_ register: BankRegister, count: Int, _ port: inout Port) -> UInt32 {
        switch register {
        case .group: return group
        case .setEnable, .clearEnable: return enabled
        case .setPending, .clearPending: return state(count: count, &port).pending
        case .setActive, .clearActive: return state(count: count, &port).active
        }
    }

    /// Writes a register.
    /// - Parameter lanes: the bytes of the register that the access covers; `value` is zero outside.
    mutating func write<Port: InterruptPort>(
        _ register: BankRegister, _ value: UInt32, lanes: UInt32, count: Int, _ port: inout Port
    ) {
        switch register {
        case .group:
            group = group & ~lanes | value
        case .setEnable:
            apply(.enable, value & ~enabled, &port)
            enabled |= value
        case .clearEnable:
            apply(.disable, value & enabled, &port)
            enabled &= ~value
        case .setPending: apply(.setPending, value, &port)
        case .clearPending: apply(.clearPending, value, &port)
        case .setActive: apply(.setActive, value, &port)
        case .clearActive: clearActive(value, count: count, &port)
        }
    }

    /// Returns the interrupts that are pending at their owners, and those that are active anywhere. An interrupt that
    /// is routed away while it is active stays active at its old owner, because only that virtual CPU will deactivate
    /// it.
    private mutating func state<Port: InterruptPort>(count: Int, _ port: inout Port) -> InterruptWordState {
        var pending: UInt32 = 0
        var active: UInt32 = 0
        for virtualCPU in 0..<count where isShared || owners[virtualCPU] != 0 {
            let here = port.state(ofWord: word, virtualCPU: virtualCPU)
            pending |= here.pending & owners[virtualCPU]
            active |= here.active
        }
        return InterruptWordState(pending: pending, active: active)
    }

    private mutating func clearActive<Port: InterruptPort>(_ mask: UInt32, count: Int, _ port: inout Port) {
        guard mask != 0 else { return }
        for virtualCPU in 0..<count where isShared || owners[virtualCPU] != 0 {
            port.control(.clearActive, virtualCPU: virtualCPU, index: UInt64(word), value: UInt64(mask))
        }
    }
}

// MARK: - Priorities and triggers

extension InterruptBank {
    /// The implemented bits of a priority: five, as in the virtual CPU interface.
    private static let priorityBits: UInt8 = 0xF8

    /// Returns IPRIORITYR: the four interrupts from `place` on, one byte each.
    mutating func readPriorities(from place: Int) -> UInt32 {
        var value: UInt32 = 0
        for byte in 0..<4 {
            value |= UInt32(priorities[(place & 28) | byte]) << UInt32(8 * byte)
        }
        return value
    }

    mutating func writePriorities<Port: InterruptPort>(
        from place: Int, _ value: UInt32, lanes: UInt32, _ port: inout Port
    ) {
        for byte in 0..<4 where lanes >> UInt32(8 * byte) & 0xFF != 0 {
            let interrupt = InterruptID(word << 5 | place & 28 | byte)
            let priority = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) & InterruptBank.priorityBits
            guard priorities[interrupt.place] != priority else { continue }
            priorities[interrupt.place] = priority
            port.control(
                .setPriority, virtualCPU: owner(of: interrupt.bit), index: UInt64(interrupt.number),
                value: UInt64(priority))
        }
    }

    /// Returns ICFGR: two bits for each of 16 interrupts, of which the upper one means edge-triggered.
    mutating func readTriggers(upperHalf: Bool) -> UInt32 {
        let half = upperHalf ? edge >> 16 : edge & 0xFFFF
        var value: UInt32 = 0
        for place in UInt32(0)..<16 where half >> place & 1 != 0 { value |= 2 << (2 * place) }
        return value
    }

    mutating func writeTriggers<Port: InterruptPort>(
        upperHalf: Bool, _ value: UInt32, lanes: UInt32, count: Int, _ port: inout Port
    ) {
        // The triggers of software-generated interrupts are fixed (ICFGR0).
        guard isShared || upperHalf else { return }
        var half: UInt32 = 0
        let merged = readTriggers(upperHalf: upperHalf) & ~lanes | value
        for place in UInt32(0)..<16 where merged >> (2 * place) & 2 != 0 { half |= 1 << place }
        let changed = upperHalf ? half << 16 | edge & 0xFFFF : edge & 0xFFFF_0000 | half
        guard changed != edge else { return }
        edge = changed
        sendTriggers(count: count, &port)
    }

    /// Sends the triggers to every virtual CPU that may ever keep the interrupts, so that routing need not move them.
    mutating func sendTriggers<Port: InterruptPort>(count: Int, _ port: inout Port) {
        for virtualCPU in 0..<count where isShared || owners[virtualCPU] != 0 {
            port.control(.setEdge, virtualCPU: virtualCPU, index: UInt64(word), value: UInt64(edge))
        }
    }
}

// MARK: - Lines, routing and restoring

extension InterruptBank {
    @inline(__always)
    func isHigh(_ interrupt: InterruptID) -> Bool { lines & interrupt.bit != 0 }

    /// Drives an input line. Informs the kernel only if the level changes.
    mutating func setLine<Port: InterruptPort>(_ interrupt: InterruptID, high: Bool, _ port: inout Port) {
        guard high != isHigh(interrupt) else { return }
        lines ^= interrupt.bit
        sendLine(interrupt, high: high, to: owner(of: interrupt.bit), &port)
    }

    /// Drives all input lines of the bank.
    mutating func setLines<Port: InterruptPort>(_ levels: UInt32, _ port: inout Port) {
        var changed = lines ^ levels
        while changed != 0 {
            let place = changed.trailingZeroBitCount
            setLine(InterruptID(word << 5 | place), high: levels >> UInt32(place) & 1 != 0, &port)
            changed &= changed &- 1
        }
    }

    private mutating func sendLine<Port: InterruptPort>(
        _ interrupt: InterruptID, high: Bool, to virtualCPU: Int, _ port: inout Port
    ) {
        port.control(.setLevel, virtualCPU: virtualCPU, index: UInt64(interrupt.number), value: high ? 1 : 0)
    }

    /// Gives an interrupt to another virtual CPU, with all but its active state (see `state`).
    ///
    /// The interrupt is disabled at its old owner before its pending state is read there, and is enabled at its new
    /// owner last, so that it is not taken at both. Its line is low at the old owner by then, so that a pending state
    /// is latched. No event is lost. One that is being acknowledged at the same moment may occur twice, which the
    /// architecture allows (IHI 0069, GICD_IROUTER).
    mutating func move<Port: InterruptPort>(_ interrupt: InterruptID, to new: Int, _ port: inout Port) {
        let old = owner(of: interrupt.bit)
        guard new != old else { return }
        let bit = interrupt.bit
        if enabled & bit != 0 { control(.disable, old, bit, &port) }
        if isHigh(interrupt) { sendLine(interrupt, high: false, to: old, &port) }
        let wasLatched = port.state(ofWord: word, virtualCPU: old).pending & bit != 0
        if wasLatched { control(.clearPending, old, bit, &port) }

        owners[old] &= ~bit
        owners[new] |= bit
        port.control(
            .setPriority, virtualCPU: new, index: UInt64(interrupt.number), value: UInt64(priorities[interrupt.place]))
        if isHigh(interrupt) {
            sendLine(interrupt, high: true, to: new, &port)
            // The kernel takes this rise for an edge, but the line has not changed.
            if edge & bit != 0 { control(.clearPending, new, bit, &port) }
        }
        if wasLatched { control(.setPending, new, bit, &port) }
        if enabled & bit != 0 { control(.enable, new, bit, &port) }
    }

    private mutating func control<Port: InterruptPort>(
        _ form: VirtualInterruptControl, _ virtualCPU: Int, _ mask: UInt32, _ port: inout Port
    ) {
        port.control(form, virtualCPU: virtualCPU, index: UInt64(word), value: UInt64(mask))
    }

    /// Returns the latched interrupts of a virtual CPU, which its reset would lose. Lowers its lines, because a high
    /// line also makes an interrupt pending; `restore` raises them again.
    mutating func latched<Port: InterruptPort>(at virtualCPU: Int, _ port: inout Port) -> UInt32 {
        let owned = owners[virtualCPU]
        guard owned != 0 else { return 0 }
        sendHighLines(owned, high: false, to: virtualCPU, &port)
        return port.state(ofWord: word, virtualCPU: virtualCPU).pending & owned
    }

    /// Sends a virtual CPU that was reset the whole configuration of this bank. Lines come before triggers, because
    /// the kernel takes the rise of an edge-triggered interrupt's line for an edge.
    mutating func restore<Port: InterruptPort>(_ virtualCPU: Int, latched: UInt32, _ port: inout Port) {
        let owned = owners[virtualCPU]
        sendHighLines(owned, high: true, to: virtualCPU, &port)
        if isShared || owned != 0 { control(.setEdge, virtualCPU, edge, &port) }
        for place in 0..<32 where owned >> UInt32(place) & 1 != 0 && priorities[place] != 0 {
            port.control(
                .setPriority, virtualCPU: virtualCPU, index: UInt64(word << 5 | place),
                value: UInt64(priorities[place]))
        }
        if latched != 0 { control(.setPending, virtualCPU, latched, &port) }
        if enabled & owned != 0 { control(.enable, virtualCPU, enabled & owned, &port) }
    }

    /// Sends a virtual CPU the level `high` for those of its lines that are high.
    private mutating func sendHighLines<Port: InterruptPort>(
        _ owned: UInt32, high: Bool, to virtualCPU: Int, _ port: inout Port
    ) {
        for place in 0..<32 where (owned & lines) >> UInt32(place) & 1 != 0 {
            sendLine(InterruptID(word << 5 | place), high: high, to: virtualCPU, &port)
        }
    }
}
