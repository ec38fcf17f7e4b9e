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

extension PlanBuilder {
    /// Returns the number of page tables that a space needs. It is an upper bound, because a larger entry may be
    /// possible.
    func pageTables(of space: Plan.NodeID) -> UInt64 {
        var count = PageTableCount()
        for edge in plan.edges {
            guard case .map(let extent, let target, let address, let offset, let size, _, _) = edge.action,
                target == space
            else { continue }
            count.add(MappedRange(address: address, size: size, residue: residue(of: extent, offset)))
        }
        for range in reservations[space] ?? [] { count.add(range) }
        // One table more costs 4 KiB, and a space needs at least one.
        return max(count.count, 1)
    }

    private func residue(of extent: Plan.NodeID, _ offset: UInt64) -> UInt64? {
        let large: UInt64 = 1 << 21
        if extent == root.image { return (imageResidue + offset) % large }
        if extent == root.devices { return (board.devices.base + offset) % large }
        return plan.nodes[extent].alignment >= large ? offset % large : nil
    }
}
