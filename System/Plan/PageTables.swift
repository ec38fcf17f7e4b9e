import ABI

/// A range of a space that is mapped.
struct MappedRange {
    var address: UInt64
    var size: UInt64
    /// The physical address modulo 2 MiB. Nil if it is unknown; the kernel then needs pages of 4 KiB.
    var residue: UInt64?
}

/// Counts the page tables of a space below its first (VMSAv8-64, 4 KiB granule, 39 bits). There is one for each GiB
/// that is in use, and one for each 2 MiB that a single entry cannot map.
struct PageTableCount {
    private var gibibytes: Set<UInt64> = []
    private var blocks: Set<UInt64> = []
    private static let block: UInt64 = 1 << 21

    mutating func add(_ range: MappedRange) {
        guard range.size > 0 else { return }
        let end = range.address + range.size
        for gibibyte in range.address >> 30...(end - 1) >> 30 { gibibytes.insert(gibibyte) }
        let isAligned = range.residue == range.address % Self.block
        for block in range.address / Self.block...(end - 1) / Self.block {
            let isWhole = range.address <= block * Self.block && end >= (block + 1) * Self.block
            if !(isAligned && isWhole) { blocks.insert(block) }
        }
    }

    var count: UInt64 { UInt64(gibibytes.count + blocks.count) }
}
