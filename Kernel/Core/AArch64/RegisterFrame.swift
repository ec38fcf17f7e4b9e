/// The general registers of a tenant. The entry code saves them here, and knows these offsets.
public struct RegisterFrame {
    public var x: InlineArray<31, UInt64>
    public var stackPointer: UInt64
    public var programCounter: UInt64
    public var processorState: UInt64

    /// Advances the program counter past an instruction that counts as executed. For software step, it is the
    /// instruction that is stepped, so PSTATE.SS (bit 21) is 0 afterwards (DDI 0487, D2.12).
    @inline(__always)
    public mutating func skipInstruction() {
        programCounter &+= 4
        processorState &= ~(1 << 21)
    }
}

extension RegisterFrame {
    /// Returns IT[7:0] of an AArch32 state: PSTATE bits 15…10 and 26…25.
    static func block(of state: UInt64) -> UInt64 { state >> 8 & 0xFC | state >> 25 & 3 }

    /// Skips an instruction of four bytes in AArch32 state, where an IT block advances as well.
    public mutating func skipAArch32Instruction() {
        skipInstruction()
        let block = Self.block(of: processorState)
        let next = block & 7 == 0 ? 0 : block & 0xE0 | block << 1 & 0x1F
        processorState = processorState & ~(0xFC << 8 | 3 << 25) | (next & 0xFC) << 8 | (next & 3) << 25
    }
}

/// FP and SIMD registers, which the kernel moves when another context uses the unit.
public struct FloatingPointFrame {
    public var registers: InlineArray<64, UInt64>
    public var control: UInt64
    public var status: UInt64
}
