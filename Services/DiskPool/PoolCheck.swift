/// Compares the space map of a pool at rest with the maps that refer to its units, and verifies every checksum.
///
/// "At rest" means that the pool is mounted, that the last commit has ended, and that nothing is under way. The check
/// holds a few bytes for each unit of the pool.
public struct PoolCheck {
    public internal(set) var faults: [PoolFault] = []
    /// For each unit, whether a structure refers to it.
    private(set) var isUsed: [Bool]
    /// For each unit, the record that owns it plus 1.
    private var owners: [UInt16]
    /// For each unit, the last record that refers to it plus 1. A record refers to a unit once.
    private var users: [UInt16]
    /// For each record, the units that are its own or in its list of dead units.
    private(set) var owned: [Int]
    /// True if everything that refers to units could be read, so that the space map can be made from `isUsed`.
    private(set) var isComplete = true
    private let first: UInt32
    private let verifiesData: Bool
    private let read: (UInt32) -> [UInt32]?
    private let checksum: ([UInt32]) -> UInt32

    /// Checks a pool.
    ///
    /// - Parameters:
    ///   - verifiesData: whether units of data with checksums are read as well.
    ///   - read: returns a unit as words, or nil if the device cannot read it.
    ///   - checksum: returns the CRC-32C of words.
    public init<Memory: PoolMemory, Log: RecoveryLog>(
        _ pool: Pool<Memory, Log>, verifiesData: Bool, read: @escaping (UInt32) -> [UInt32]?,
        checksum: @escaping ([UInt32]) -> UInt32
    ) {
        isUsed = [Bool](repeating: false, count: Int(pool.buffers.units))
        owners = [UInt16](repeating: 0, count: Int(pool.buffers.units))
        users = owners
        owned = [Int](repeating: 0, count: pool.recordCount)
        first = PoolLayout.firstFreeUnit(mapBlocks: pool.buffers.mapBlocks, records: pool.recordCount)
        (self.verifiesData, self.read, self.checksum) = (verifiesData, read, checksum)
        checkSuperblocks(pool)
        checkFixed(pool)
        for index in 0..<pool.recordCount where !pool.record(index).isFree { checkRecord(pool, index) }
        checkSpace(pool)
        if isComplete { checkCounts(pool) }
    }

    /// The faults that are not the usual remains of a power cut.
    public var serious: [PoolFault] { faults.filter { $0.remedy != .goesAway } }

    private mutating func report(_ kind: PoolFault.Kind, _ unit: UInt32, record: Int = -1, place: UInt64 = 0) {
        faults.append(PoolFault(kind: kind, record: record, unit: unit, place: place))
    }

    // MARK: Fixed structures

    /// Reports the copies of the superblock that cannot be used. A power cut can leave some.
    private mutating func checkSuperblocks<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>) {
        for copy in 0..<PoolLayout.superblockUnits {
            guard pool.generation > 1 || copy & 1 == UInt32(pool.generation & 1) else { continue }
            guard var words = read(copy) else {
                report(.superblockCopy, copy)
                continue
            }
            let check = words[Superblock.Word.check]
            words[Superblock.Word.check] = 0
            if checksum(words) != check || words[0] != Superblock.magic.0 { report(.superblockCopy, copy) }
        }
    }

    private mutating func checkFixed<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>) {
        for block in 0..<pool.buffers.mapBlocks where pool.space.damaged[block] { report(.mapBlock, UInt32(block)) }
        for record in 0..<pool.recordCount where pool.isDamaged(record) {
            report(.record, UInt32(record), record: record)
            isComplete = false
        }
    }

    // MARK: Maps

    private mutating func checkRecord<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>, _ index: Int) {
        let record = pool.record(index)
        // While a snapshot is being merged into its successor, the successor's list names what is left of it.
        let isMerged = record.state == .deleting && record.cursor > 0 && pool.successor(of: index) != nil
        let cut = record.state == .deleting ? record.cursor : 0
        let shared = sharedEpoch(pool, record)
        if !isMerged { visit(index, record, shared, record.root, Int(record.height) - 1, 0, cut) }
        checkDeadList(index, record.dead, shared: shared == record.sharedEpoch ? nil : shared)
    }

    /// Returns the last epoch whose units a disk or snapshot shares with a snapshot before it. One that is being merged
    /// does not count, because it leaves its units to its successor.
    private func sharedEpoch<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>, _ record: DiskRecord) -> UInt32 {
        var record = record
        for _ in 0..<pool.recordCount {
            guard !record.isClone, record.previousIndex >= 0 else { break }
            let previous = pool.record(record.previousIndex)
            guard previous.state == .deleting, previous.cursor > 0 else { break }
            record = previous
        }
        return record.sharedEpoch
    }

    /// Visits the node or the unit of data of an entry.
    ///
    /// - Parameters:
    ///   - shared: the record's own units were born after this epoch.
    ///   - level: the level of the node, or -1 for a unit of data.
    ///   - base: the first virtual unit.
    ///   - cut: the virtual units before this one have been given back by a deletion.
    private mutating func visit(
        _ index: Int, _ record: DiskRecord, _ shared: UInt32, _ entry: MapEntry, _ level: Int, _ base: UInt64,
        _ cut: UInt64
    ) {
        let span = UInt64(1) << UInt64(10 * (level + 1))
        if entry.isNone || base + span <= cut { return }
        guard use(index, entry.unit, isOwn: entry.birth > shared, base) else { return }
        guard level >= 0 else {
            if verifiesData, record.hasChecksums { _ = verified(index, entry.unit, entry.check, .data, base) }
            return
        }
        guard let words = verified(index, entry.unit, entry.check, .node, base) else {
            isComplete = false
            return
        }
        for position in 0..<PoolLayout.entriesPerNode where words[4 * position] != 0 {
            let child = MapEntry(
                unit: words[4 * position], birth: words[4 * position + 1], valid: words[4 * position + 2],
                check: words[4 * position + 3])
            let place = base + UInt64(position) << UInt64(10 * level)
            if child.birth > entry.birth { report(.younger, child.unit, record: index, place: place) }
            visit(index, record, shared, child, level - 1, place, cut)
        }
    }

    /// Notes that a unit is in use. Returns false if it cannot be, or has been visited for the same record already.
    /// Hostile nodes may name each other, so that a visit of everything below them would never end.
    private mutating func use(_ index: Int, _ unit: UInt32, isOwn: Bool, _ place: UInt64) -> Bool {
        guard unit >= first, unit < UInt32(isUsed.count) else {
            report(.outside, unit, record: index, place: place)
            return false
        }
        if users[Int(unit)] == UInt16(index + 1) || isOwn && owners[Int(unit)] != 0 {
            report(.sharedUnit, unit, record: index, place: place)
            isComplete = false
            return false
        }
        users[Int(unit)] = UInt16(index + 1)
        if isOwn {
            owners[Int(unit)] = UInt16(index + 1)
            owned[index] += 1
        }
        isUsed[Int(unit)] = true
        return true
    }

    /// Returns a unit's words if their checksum is right.
    private mutating func verified(
        _ index: Int, _ unit: UInt32, _ check: UInt32, _ kind: PoolFault.Kind, _ place: UInt64
    ) -> [UInt32]? {
        guard let words = read(unit) else {
            report(.unreadable, unit, record: index, place: place)
            return nil
        }
        guard checksum(words) == check else {
            report(kind, unit, record: index, place: place)
            return nil
        }
        return words
    }

    /// Visits the nodes of a list of dead units.
    ///
    /// - Parameter shared: nil unless the snapshot before is being merged. Then the list names what is left of that
    ///   one, of which the units that were born after this epoch belong to the record.
    private mutating func checkDeadList(_ index: Int, _ list: DiskRecord.DeadList, shared: UInt32?) {
        var list = list
        for _ in 0..<isUsed.count {
            guard list.unit != 0 else { return }
            guard use(index, list.unit, isOwn: true, 0) else { break }
            guard let words = verified(index, list.unit, list.check, .deadList, 0) else { break }
            if let shared {
                for entry in 0..<min(Int(words[0]), DeadNode.capacity) {
                    let (unit, birth) = (words[8 + 2 * entry], words[9 + 2 * entry])
                    _ = use(index, unit, isOwn: birth > shared, 0)
                }
            }
            list.unit = words[1]
            list.check = words[2]
        }
        isComplete = false
    }

    // MARK: Counts

    private mutating func checkSpace<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>) {
        for unit in first..<pool.superblock.units {
            let isAllocated = pool.isAllocated(unit)
            guard isAllocated != isUsed[Int(unit)] else { continue }
            // A block that is damaged says that all units are in use. A part that is damaged may refer to the unit.
            if isAllocated, pool.space.damaged[Int(unit) / PoolLayout.unitsPerMapBlock] || !isComplete { continue }
            report(isAllocated ? .lostUnit : .usedUnitIsFree, unit)
        }
    }

    private mutating func checkCounts<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>) {
        let sums = charges(pool)
        for index in 0..<pool.recordCount where !pool.record(index).isFree && sums[index] != pool.record(index).used {
            report(.count, UInt32(index), record: index)
        }
    }

    /// Returns the number of units that each record should have as its charge.
    func charges<M: PoolMemory, L: RecoveryLog>(_ pool: Pool<M, L>) -> [UInt32] {
        var sums = [UInt32](repeating: 0, count: pool.recordCount)
        for index in 0..<pool.recordCount where !pool.record(index).isFree {
            // A hostile map may name a unit any number of times.
            sums[pool.account(of: index)] &+= UInt32(clamping: owned[index])
        }
        return sums
    }
}
