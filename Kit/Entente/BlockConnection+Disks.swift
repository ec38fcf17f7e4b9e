import ABI

// The table of disks in the server's part of a block connection. Each entry begins with a count of its changes, which
// is odd while the server changes the entry (a seqlock). So a reader never uses words of two descriptions.

extension BlockConnection {
    private enum Entry {
        static let changes = 0
        /// The features in bits 0…31, with bit 31 set if there is a disk; the optimal size in bits 32…63.
        static let features = 8
        static let capacity = 16
        static let identity = 24
        static let isPresent: UInt32 = 1 << 31
    }

    private func place(_ number: Int) -> Int? {
        guard number >= 0, number < BlockConnectionLayout.maximumDisks else { return nil }
        return BlockConnectionLayout.disks + number * BlockConnectionLayout.diskSize
    }

    /// Returns the description of a disk; nil if there is none, or the server is changing it.
    func disk(_ number: Int) -> BlockDisk? {
        guard let at = place(number) else { return nil }
        let changes = server.acquireWide(at + Entry.changes)
        guard changes & 1 == 0 else { return nil }
        let features = server.acquireWide(at + Entry.features)
        let capacity = server.acquireWide(at + Entry.capacity)
        var identity = InlineArray<3, UInt64>(repeating: 0)
        for index in 0..<3 { identity[index] = server.acquireWide(at + Entry.identity + 8 * index) }
        guard server.acquireWide(at + Entry.changes) == changes else { return nil }
        let flags = UInt32(truncatingIfNeeded: features)
        guard flags & Entry.isPresent != 0 else { return nil }
        return BlockDisk(
            capacity: capacity, features: BlockDiskFeatures(rawValue: flags & ~Entry.isPresent),
            optimalSize: UInt32(truncatingIfNeeded: features >> 32), identity: identity)
    }

    /// The number of descriptions that the server has changed.
    var descriptionChanges: UInt64 { server.loadWide(BlockConnectionLayout.descriptionChanges) }

    /// Writes the description of a disk. The server's part is the server's alone, so the count is the server's own
    /// value of this life or an earlier one. An earlier life that died during a change has left an odd count.
    func publish(_ disk: BlockDisk?, as number: Int) {
        guard let at = place(number) else { return }
        let changes = server[at + Entry.changes] | 1
        server.storeWide(changes, at + Entry.changes)
        let flags = disk.map { $0.features.rawValue | Entry.isPresent } ?? 0
        server.storeWide(UInt64(flags) | UInt64(disk?.optimalSize ?? 0) << 32, at + Entry.features)
        server.storeWide(disk?.capacity ?? 0, at + Entry.capacity)
        for index in 0..<3 { server.storeWide(disk?.identity[index] ?? 0, at + Entry.identity + 8 * index) }
        server.storeWide(changes &+ 1, at + Entry.changes)
        server.storeWide(descriptionChanges &+ 1, BlockConnectionLayout.descriptionChanges)
    }
}
