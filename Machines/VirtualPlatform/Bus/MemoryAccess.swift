import ABI

/// A guest's load or store that reached no RAM, as its data abort's syndrome describes it (Arm ARM, ISS of a data
/// abort).
public struct MemoryAccess {
    /// Guest-physical address of the first byte.
    public let address: UInt64
    /// 1, 2, 4 or 8 bytes.
    public let size: UInt64
    public let isWrite: Bool
    /// The value of a store, in its low `size` bytes; the rest is zero.
    public let value: UInt64
    /// The general register that a load fills; 31 is the zero register.
    public let register: UInt32
    let signExtends: Bool
    let isWide: Bool

    /// Decodes a `memoryAccess` exit. Nil if the syndrome does not describe the instruction (ISV is 0: a pair, a
    /// vector register, write-back, or a table walk). `LoadStore` describes most of these.
    @inline(__always)
    public init?(tag: ExitTag, address: UInt64, value: UInt64) {
        guard tag.hasValidAccess else { return nil }
        self.address = address
        size = tag.accessSize
        isWrite = tag.isWrite
        self.value = value & MemoryAccess.mask(size: tag.accessSize)
        register = tag.register
        signExtends = tag.signExtends
        isWide = tag.isWideRegister
    }

    /// Makes an access for a test, or for an element of a `Transfer`: zero-extending into a wide register 0.
    public init(address: UInt64, size: UInt64, write value: UInt64?) {
        self.address = address
        self.size = size
        isWrite = value != nil
        self.value = (value ?? 0) & MemoryAccess.mask(size: size)
        register = 0
        signExtends = false
        isWide = true
    }

    /// Returns the new value of the load's register: the low `size` bytes of `loaded`, extended as the instruction
    /// demands.
    @inline(__always)
    public func registerValue(_ loaded: UInt64) -> UInt64 {
        MemoryAccess.extended(loaded, size: size, signExtends: signExtends, isWide: isWide)
    }

    /// Extends the low `size` bytes of `loaded` to a register: with zeroes, or with the sign to 64 or 32 bits.
    @inline(__always)
    static func extended(_ loaded: UInt64, size: UInt64, signExtends: Bool, isWide: Bool) -> UInt64 {
        guard signExtends else { return loaded & mask(size: size) }
        let unused = 64 &- size &* 8
        let extended = UInt64(bitPattern: Int64(bitPattern: loaded &<< unused) &>> Int64(bitPattern: unused))
        return isWide ? extended : extended & 0xFFFF_FFFF
    }

    /// Returns the mask of the low `size` bytes.
    @inline(__always)
    static func mask(size: UInt64) -> UInt64 { ~0 &>> (64 &- size &* 8) }

    /// Returns whether the exit is cache maintenance (ISS.CM). On a device's address it faults like a store, but has
    /// no effect.
    @inline(__always)
    public static func isCacheMaintenance(_ tag: ExitTag) -> Bool { tag.syndrome & 1 << 8 != 0 }

    /// Returns whether an instruction's own access met unmapped or read-only memory, so that the instruction can be
    /// decoded. The access must be no table walk of the guest (ISS.S1PTW), and the fault one of translation or of
    /// permission (ISS.DFSC).
    public static func isOfInstruction(_ tag: ExitTag) -> Bool { tag.syndrome & 1 << 7 == 0 && tag.isOfMapping }
}
