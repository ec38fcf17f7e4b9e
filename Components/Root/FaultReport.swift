import ABI
import Entente

/// A stopped thread of a tenant's, and what it did, as the kernel has recorded it.
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

    /// `fault: heartbeat trap address 0x0 esr … pc …`, or that it stopped for another reason.
    func write() {
        rootConsole.use { console in
            console.beginLine()
            console.write(tag.bits == 0 ? "stop: " : "fault: ")
            console.write(BootPlan.tenant(Int(node.owner) - 1).name)
            if tag.bits == 0 {
                console.write(" stopped without a fault, pc ")
            } else {
                console.write(" ")
                if hasOverflowed {
                    writeOverflow(on: console)
                } else {
                    console.write(cause(tag.syndrome))
                }
                console.write(" address ")
                console.write(hex: address)
                console.write(" esr ")
                console.write(hex: tag.syndrome)
                console.write(" pc ")
            }
            console.write(hex: programCounter)
            console.write("\n")
            console.flush()
        }
    }

    /// Whether the thread accessed what lies below its stack and above the place of the next one. Nothing is mapped
    /// there, so a function with a large frame, which passes the page below the stack, is noticed as well.
    private var hasOverflowed: Bool {
        tag.syndrome >> 26 == 0x24 && address >= node.guardBase && address < node.stack.base
    }

    private func writeOverflow(on console: Console) {
        console.write("stack overflow: ")
        console.write(decimal: node.stack.size >> 10)
        console.write("KiB are used up (key 'stack' of the manifest enlarges a component's)")
    }

    /// Returns the reason that a monitor which ends with its machine has put into the instruction.
    private func cause(ofBreak syndrome: UInt64) -> StaticString {
        guard BootTable.tenant(tenant).kind == TenantKind.machine.rawValue else { return "trap" }
        return switch MachineEnd(syndrome: syndrome) {
        case .panic: "machine panicked"
        case .hang: "machine hangs, its watchdog expired"
        case nil: "trap"
        }
    }

    /// The exception class in words (DDI 0487, D19.2.40).
    private func cause(_ syndrome: UInt64) -> StaticString {
        switch syndrome >> 26 {
        case 0x00: "undefined instruction"
        case 0x07: "floating point"
        case 0x18: "system register"
        case 0x20: "instruction fetch from unmapped memory"
        case 0x22: "misaligned program counter"
        case 0x24: syndrome & 1 << 6 != 0 ? "store to unmapped memory" : "load from unmapped memory"
        case 0x26: "misaligned stack pointer"
        case 0x3C: cause(ofBreak: syndrome)
        default: "exception"
        }
    }
}
