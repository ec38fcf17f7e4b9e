/// Splits accesses of any size into accesses to registers of 32 bits: a wider one into two, a narrower one into byte
/// lanes.
enum RegisterLanes {
    @inline(__always)
    static func read(_ offset: UInt64, size: UInt64, _ word: (UInt64) -> UInt32) -> UInt64 {
        guard offset & (size - 1) == 0 else { return 0 }
        if size == 8 { return UInt64(word(offset)) | UInt64(word(offset + 4)) << 32 }
        return UInt64(word(offset & ~3)) >> (8 * (offset & 3)) & MemoryAccess.mask(size: size)
    }

    /// Calls `word` with each register's offset, the value shifted to its lanes, and the mask of the bytes that are
    /// written.
    @inline(__always)
    static func write(_ offset: UInt64, size: UInt64, _ value: UInt64, _ word: (UInt64, UInt32, UInt32) -> Void) {
        guard offset & (size - 1) == 0 else { return }
        if size == 8 {
            word(offset, UInt32(truncatingIfNeeded: value), ~0)
            word(offset + 4, UInt32(truncatingIfNeeded: value >> 32), ~0)
        } else {
            let mask = MemoryAccess.mask(size: size)
            let shift = 8 * (offset & 3)
            word(
                offset & ~3, UInt32(truncatingIfNeeded: (value & mask) << shift),
                UInt32(truncatingIfNeeded: mask << shift))
        }
    }
}
