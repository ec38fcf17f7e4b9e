import ABI
@_spi(Kernel) import Entente

/// A stopped thread with its fault, as the kernel has recorded it.
struct FaultReport {
    private let node: PlanNode
    private let tag: ExitTag
    private let address: UInt64
    private let programCounter: UInt64

    init(_ node: PlanNode) {
        self.node = node
        let thread = UInt32(node.slot)
        tag = ExitTag(bits: readRegister(thread, RegisterNumber.faultTag))
        address = readRegister(thread, RegisterNumber.faultAddress)
        programCounter = readRegister(thread, RegisterNumber.programCounter)
    }

    /// Writes `fault: heartbeat trap address 0x0 esr … pc …`, or that the thread stopped for another reason.
    func write() {
        let name = BootPlan.tenant(Int(node.owner) - 1).name
        if tag.bits == 0 { return log("stop: \(name: name) stopped without a fault, pc \(hex: programCounter)") }
        log("fault: \(name: name) \(cause) address \(hex: address) esr \(hex: tag.syndrome) pc \(hex: programCounter)")
    }

    private var cause: LogText {
        if hasOverflowed {
            return "stack overflow: \(node.stack.size >> 10)KiB are used up (key 'stack' of the manifest enlarges it)"
        }
        if let reason { return "\(name: reason.text)" }
        return "\(exceptionClass)"
    }

    /// True if the thread accessed the gap between its stack and the next one. All of it is unmapped, so that a large
    /// frame, which passes the page below the stack, is noticed as well.
    private var hasOverflowed: Bool {
        tag.syndrome >> 26 == 0x24 && address >= node.guardBase && address < node.stack.base
    }

    /// The exception class in words (DDI 0487, D19.2.40).
    private var exceptionClass: StaticString {
        switch tag.syndrome >> 26 {
        case 0x00: "undefined instruction"
        case 0x07: "floating point"
        case 0x18: "system register"
        case 0x20: "instruction fetch from unmapped memory"
        case 0x22: "misaligned program counter"
        case 0x24: tag.syndrome & 1 << 6 != 0 ? "store to unmapped memory" : "load from unmapped memory"
        case 0x26: "misaligned stack pointer"
        case 0x3C: "trap"
        default: "exception"
        }
    }

    /// The reason that the plan knows for this trap of this tenant.
    private var reason: TrapRecord? {
        guard tag.syndrome >> 26 == 0x3C else { return nil }
        for index in 0..<BootPlan.trapCount {
            let trap = BootPlan.trap(index)
            if trap.owner == node.owner, trap.immediate == tag.syndrome & 0xFFFF { return trap }
        }
        return nil
    }
}
