import ABI

/// Lays out the board's RAM as the kernel and root do when they start, so that the host finds out before the boot
/// whether the RAM suffices.
///
/// The kernel takes root's own objects from the start of the largest piece of RAM, and makes regions of the rest. Root
/// creates the plan's nodes from these regions in the order of the records. The kernel's `BootMemory` and root's
/// `Memory` follow the same rules.
struct BootMemory {
    /// The free part of a region.
    fileprivate struct Piece {
        var next: UInt64
        var end: UInt64

        /// Takes memory from the start. Returns false if the memory does not fit.
        mutating func take(_ size: UInt64, alignment: UInt64) -> Bool {
            let start = next.aligned(to: alignment)
            guard start <= end, size <= end - start else { return false }
            next = start + size
            return true
        }
    }

    /// The free parts of the regions, in the order of root's slots. The first is the largest, and starts at a multiple
    /// of 2 MiB.
    private var regions: [Piece] = []

    private static let large: UInt64 = 1 << 21
    /// The offset at which QEMU and other loaders of arm64 images put the kernel, from the start of RAM.
    static let kernelOffset = large

    /// The size of the largest free piece in bytes.
    var largestRest: UInt64 { regions.map { $0.end - $0.next }.max() ?? 0 }

    /// Takes the memory that the kernel takes before root runs. Returns nil if the RAM does not suffice.
    ///
    /// - Parameters:
    ///   - kernelSize: bytes of the kernel and the image behind it.
    ///   - rootSlots: slots of root's table.
    init?(ram: [MemoryRange], kernelSize: UInt64, root: Program, rootSlots: UInt64) {
        guard let first = ram.first, Self.kernelOffset + kernelSize <= first.size else { return nil }
        let kernel = Piece(
            next: first.base + Self.kernelOffset, end: first.base + Self.kernelOffset + kernelSize)
        var pieces = ram.flatMap { range -> [Piece] in
            let end = range.base + range.size
            let below = min(max(kernel.next, range.base), end)
            let above = max(min(max(kernel.end, range.base), end), below)
            return [Piece.pages(range.base, below), Piece.pages(above, end)]
        }
        guard let size = pieces.map({ $0.end - $0.next }).max(),
            let best = pieces.firstIndex(where: { $0.end - $0.next == size })
        else { return nil }
        var rest = pieces.remove(at: best)
        guard Self.rootObjects(root, rootSlots).allSatisfy({ rest.take($0.aligned(to: 4096), alignment: 4096) }) else {
            return nil
        }
        let aligned = min(rest.next.aligned(to: Self.large), rest.end)
        regions = [Piece(next: aligned, end: rest.end), Piece(next: rest.next, end: aligned)] + pieces
        regions = Array(regions.filter { $0.end > $0.next }.prefix(Int(RootSlot.regionCount)))
    }

    /// The sizes of root's own objects, in the order in which the kernel makes them.
    private static func rootObjects(_ root: Program, _ slots: UInt64) -> [UInt64] {
        let table = ObjectSize.table + slots * ObjectSize.capability
        let space = ObjectSize.addressSpace + RootSlot.rootPageTables * ObjectSize.page
        let writable = root.segments.filter { Rights(rawValue: $0.rights).contains(.write) }.map(\.memorySize)
        // The last two pages are for the thread, and for the regions themselves.
        return [table, space] + writable + [root.stackSize, ObjectSize.page, ObjectSize.page]
    }

    /// Takes everything that root creates from the board's RAM. Returns true if it fits.
    mutating func take(_ plan: Plan) -> Bool {
        let lasting = plan.nodes.filter { $0.lasts && !$0.isGiven }
        let others = plan.tenants.indices.flatMap { tenant in
            plan.nodes.filter { !$0.lasts && $0.owner == .tenant(tenant) }
        }
        return (lasting + others).filter { $0.region == nil }.allSatisfy { take($0) }
    }

    private mutating func take(_ node: Plan.Node) -> Bool {
        let count = regions.count
        let isLarge = node.kind == .extent && node.parameter >= Self.large
        for turn in 0..<Int(RootSlot.regionCount) {
            let index = isLarge ? turn : (turn + 1) % Int(RootSlot.regionCount)
            if index < count, regions[index].take(node.bytes, alignment: node.alignmentInRegion) { return true }
        }
        return false
    }
}

extension BootMemory.Piece {
    /// Returns the whole pages of a range.
    fileprivate static func pages(_ start: UInt64, _ end: UInt64) -> BootMemory.Piece {
        let (base, limit) = (start.aligned(to: 4096), end & ~4095)
        return BootMemory.Piece(next: base, end: max(base, limit))
    }
}

extension Plan.Node {
    /// The alignment that the kernel gives to the node's object.
    fileprivate var alignmentInRegion: UInt64 {
        switch kind {
        case .extent: alignment
        case .region, .addressSpace: 4096
        default: 64
        }
    }
}
