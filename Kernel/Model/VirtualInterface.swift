import KernelCore

/// The virtual CPU interface of a GICv3 with 1 to 16 list registers (IHI 0069H, chapters 4.8 and 12.4). The guest
/// uses group 1 and no subpriorities.
struct VirtualInterface {
    /// The value that the guest reads if no interrupt can be acknowledged.
    static let spurious: UInt32 = 1023
    private static let endSignalBit: UInt64 = 1 << 41

    private(set) var listRegisters: [ListRegister]
    /// Bit p: an interrupt of group priority p was acknowledged and not ended (ICH_AP1R0_EL2).
    var activePriorities: UInt64 = 0
    var isEnabled = false
    /// ICC_PMR_EL1: only interrupts that are more urgent are taken.
    var priorityMask: UInt8 = 0xFF
    /// ICC_CTLR_EL1.EOImode: if set, the end only drops the running priority.
    var separatesEnd = false
    var asksForNonePending = false
    var asksForLostEnds = false
    /// EOIcount: the ends of interrupts that have no list register.
    var lostEnds = 0

    init(listRegisters count: Int) { listRegisters = Array(repeating: .empty, count: count) }

    /// The part of ICH_HCR_EL2 that is kept while another virtual CPU is loaded.
    var control: UInt64 {
        get { (asksForNonePending ? 1 : 0) | (asksForLostEnds ? 2 : 0) | UInt64(lostEnds) << 8 }
        set {
            asksForNonePending = newValue & 1 != 0
            asksForLostEnds = newValue & 2 != 0
            lostEnds = Int(newValue >> 8)
        }
    }

    /// The part of ICH_VMCR_EL2 that is kept while another virtual CPU is loaded. After a reset nothing is masked.
    var guestControl: UInt64 {
        get { UInt64(~priorityMask) | (separatesEnd ? 1 << 8 : 0) }
        set {
            priorityMask = ~UInt8(truncatingIfNeeded: newValue)
            separatesEnd = newValue & 1 << 8 != 0
        }
    }

    /// Returns false if another register holds the same interrupt.
    mutating func set(_ index: Int, _ value: ListRegister) -> Bool {
        listRegisters[index] = value
        guard !value.isFree else { return true }
        return !listRegisters.indices.contains {
            $0 != index && !listRegisters[$0].isFree && listRegisters[$0].interrupt == value.interrupt
        }
    }

    /// The group priority below which an interrupt must be to be taken; 32 if none is being handled.
    var runningPriority: Int { activePriorities == 0 ? 32 : activePriorities.trailingZeroBitCount }

    private var mostUrgent: Int? {
        guard isEnabled else { return nil }
        let pending = listRegisters.indices.filter { listRegisters[$0].isPending && !listRegisters[$0].isActive }
        return pending.min { listRegisters[$0].priority < listRegisters[$1].priority }
            .flatMap { Int(listRegisters[$0].priority >> 3) < runningPriority ? $0 : nil }
            .flatMap { listRegisters[$0].priority < priorityMask ? $0 : nil }
    }

    /// True if the virtual CPU's interrupt line is high.
    var signals: Bool { mostUrgent != nil }

    /// Performs the guest's read of ICC_IAR1_EL1.
    mutating func acknowledge() -> UInt32 {
        guard let index = mostUrgent else { return Self.spurious }
        let register = listRegisters[index]
        activePriorities |= 1 << UInt64(register.priority >> 3)
        listRegisters[index].bits ^= 3 << 62
        return register.interrupt
    }

    /// Performs the guest's write of ICC_EOIR1_EL1: drops the running priority, and deactivates unless `separatesEnd`
    /// is set. Returns the physical interrupt that ends with it.
    mutating func end(_ interrupt: UInt32) -> UInt32? {
        activePriorities &= activePriorities &- 1
        return separatesEnd ? nil : deactivate(interrupt)
    }

    /// Performs the guest's write of ICC_DIR_EL1, after `end`.
    mutating func deactivate(_ interrupt: UInt32) -> UInt32? {
        let found = listRegisters.indices.first {
            listRegisters[$0].isActive && listRegisters[$0].interrupt == interrupt
        }
        guard let index = found else {
            lostEnds += 1
            return nil
        }
        listRegisters[index].bits &= ~(1 << 63)
        let register = listRegisters[index]
        return register.isHardware ? UInt32(register.bits >> 32 & 0x3FF) : nil
    }

    /// True while ICH_EISR_EL2 is not zero, until the ended register is written.
    private var hasSignalledEnd: Bool {
        listRegisters.contains { $0.isFree && !$0.isHardware && $0.bits & Self.endSignalBit != 0 }
    }

    /// The level of the maintenance interrupt.
    var wantsMaintenance: Bool {
        guard isEnabled else { return false }
        let isNonePending = !listRegisters.contains { $0.isPending && !$0.isActive }
        return hasSignalledEnd || asksForNonePending && isNonePending || asksForLostEnds && lostEnds > 0
    }
}
