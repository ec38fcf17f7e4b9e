/// Finds the random bits that a boot loader leaves in the board's device tree: 32 bytes of the property `rng-seed` of
/// `/chosen`.
///
/// The kernel trusts the boot loader, which made the device tree. The walk still ends at the tree's end and reads
/// nothing beyond `limit`, so that a damaged tree yields no seed and does no harm. `DeviceTreeSeed` of Kernel/AArch64
/// calls it once, while the first core boots.
public enum BootSeed {
    private enum Token {
        static let beginNode: UInt32 = 1
        static let endNode: UInt32 = 2
        static let property: UInt32 = 3
        static let nothing: UInt32 = 4
    }

    /// Searches the tree for the seed.
    /// - Parameters:
    ///   - limit: the number of bytes that may be read; a multiple of 8.
    ///   - word: reads the eight bytes at an offset, a multiple of 8, as a little-endian number.
    /// - Returns: nil when there is no tree, or none with such a property.
    public static func find(limit: UInt64, word: (UInt64) -> UInt64) -> InlineArray<4, UInt64>? {
        guard limit >= 40 else { return nil }
        let tree = Tree(limit: limit)
        guard tree.cell(0, word) == 0xD00D_FEED else { return nil }
        let start = UInt64(tree.cell(8, word))
        let end = start &+ UInt64(tree.cell(36, word))
        guard start & 3 == 0, end <= limit else { return nil }
        return search(tree, from: start, to: end, strings: UInt64(tree.cell(12, word)), word)
    }

    /// Adds the bits of the processor's generator of random numbers to a seed.
    /// - Parameter draw: returns 64 random bits, or nil if the generator has none at the moment. It is called at most
    ///   16 times for each word, because a generator may never deliver.
    public static func mixed(
        _ seed: InlineArray<4, UInt64>, draw: () -> UInt64?
    ) -> InlineArray<4, UInt64> {
        var seed = seed
        for index in seed.indices {
            for _ in 0..<16 {
                guard let number = draw() else { continue }
                seed[index] ^= number
                break
            }
        }
        return seed
    }

    private static func search(
        _ tree: Tree, from start: UInt64, to end: UInt64, strings: UInt64, _ word: (UInt64) -> UInt64
    ) -> InlineArray<4, UInt64>? {
        var at = start
        var depth = 0
        var isChosen = false
        // Each turn advances by at least four bytes.
        while at &+ 4 <= end {
            let token = tree.cell(at, word)
            at = at &+ 4
            switch token {
            case Token.beginNode:
                depth = depth &+ 1
                // "chosen" and a zero, padded to two cells.
                isChosen = depth == 2 && tree.cell(at, word) == 0x6368_6F73 && tree.cell(at &+ 4, word) == 0x656E_0000
                while at < end, !hasZeroByte(tree.cell(at, word)) { at = at &+ 4 }
                at = at &+ 4
            case Token.endNode:
                depth = depth &- 1
                isChosen = false
            case Token.property:
                let size = UInt64(tree.cell(at, word))
                let name = strings &+ UInt64(tree.cell(at &+ 4, word))
                let value = at &+ 8
                at = value &+ (size &+ 3) & ~3
                guard isChosen, size >= 32, at <= end, tree.isSeed(name, word) else { continue }
                return tree.seed(value, word)
            case Token.nothing: continue
            default: return nil
            }
        }
        return nil
    }

    private static func hasZeroByte(_ cell: UInt32) -> Bool { (cell &- 0x0101_0101) & ~cell & 0x8080_8080 != 0 }

    /// Reads a tree as 32-bit cells, which are big-endian.
    private struct Tree {
        let limit: UInt64

        /// Returns 0 for an offset beyond the limit.
        func cell(_ offset: UInt64, _ word: (UInt64) -> UInt64) -> UInt32 {
            guard offset &+ 4 <= limit else { return 0 }
            return UInt32(truncatingIfNeeded: word(offset & ~7) >> (offset & 4 &* 8)).byteSwapped
        }

        /// Returns whether the string at `offset` is `rng-seed`.
        func isSeed(_ offset: UInt64, _ word: (UInt64) -> UInt64) -> Bool {
            var text: UInt64 = 0
            for index in 0..<8 as Range<UInt64> { text = text << 8 | UInt64(byte(offset &+ index, word)) }
            return text == 0x726E_672D_7365_6564 && byte(offset &+ 8, word) == 0
        }

        private func byte(_ offset: UInt64, _ word: (UInt64) -> UInt64) -> UInt8 {
            UInt8(truncatingIfNeeded: cell(offset & ~3, word) >> (24 &- 8 &* UInt32(truncatingIfNeeded: offset & 3)))
        }

        func seed(_ offset: UInt64, _ word: (UInt64) -> UInt64) -> InlineArray<4, UInt64> {
            var seed = InlineArray<4, UInt64>(repeating: 0)
            for index in 0..<4 {
                let at = offset &+ 8 &* UInt64(index)
                seed[index] = UInt64(cell(at, word)) << 32 | UInt64(cell(at &+ 4, word))
            }
            return seed
        }
    }
}
