extension PoolMemory {
    /// Returns a word of a structure that begins at `base`.
    func word(_ base: Int, _ index: Int) -> UInt32 { load(base + 4 * index) }

    /// Returns two words as one number, the lower one first.
    func wideWord(_ base: Int, _ index: Int) -> UInt64 {
        UInt64(word(base, index)) | UInt64(word(base, index + 1)) << 32
    }

    mutating func put(_ base: Int, _ index: Int, _ word: UInt32) { store(base + 4 * index, word) }

    mutating func put(_ base: Int, _ index: Int, wide: UInt64) {
        put(base, index, UInt32(truncatingIfNeeded: wide))
        put(base, index + 1, UInt32(truncatingIfNeeded: wide >> 32))
    }

    /// Returns the entry of a map at an offset.
    func entry(at offset: Int) -> MapEntry {
        MapEntry(unit: word(offset, 0), birth: word(offset, 1), valid: word(offset, 2), check: word(offset, 3))
    }

    mutating func put(_ offset: Int, _ entry: MapEntry) {
        put(offset, 0, entry.unit)
        put(offset, 1, entry.birth)
        put(offset, 2, entry.valid)
        put(offset, 3, entry.check)
    }
}
