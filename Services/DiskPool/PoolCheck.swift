/// Compares the space map of a pool at rest with the maps that refer to its units.
public struct PoolCheck {
    public var problems: [String] = []
    public var units = 0

    /// - Parameter read: returns a unit's bytes as words.
    public init<Memory: PoolMemory>(_ pool: Pool<Memory>, read: (UInt32) -> [UInt32], checksum: ([UInt32]) -> UInt32) {
        let first = PoolLayout.firstFreeUnit(mapBlocks: pool.buffers.mapBlocks, records: pool.recordCount)
        var seen: [UInt32: Int] = [:]
        var owners: [UInt32: Int] = [:]
        func visit(_ record: Int, _ entry: MapEntry, _ level: Int, _ base: UInt64, _ shared: UInt32, _ skipBelow: UInt64) {
            if entry.isNone { return }
            let span = level < 0 ? 1 : UInt64(1) << UInt64(10 * (level + 1))
            // A deletion has passed this part.
            if base + span <= skipBelow { return }
            if entry.unit < first || entry.unit >= pool.buffers.units {
                problems.append("disk \(record): unit \(entry.unit) is outside")
                return
            }
            if !pool.isAllocated(entry.unit) { problems.append("disk \(record): unit \(entry.unit) is free, at \(base)") }
            if entry.birth > shared {
                if let other = owners[entry.unit] { problems.append("disks \(other) and \(record): unit \(entry.unit) twice") }
                owners[entry.unit] = record
            }
            seen[entry.unit] = record
            units += 1
            guard level >= 0 else {
                if pool.record(record).hasChecksums, checksum(read(entry.unit)) != entry.check {
                    problems.append("disk \(record): data of unit \(entry.unit) is damaged")
                }
                return
            }
            let words = read(entry.unit)
            if checksum(words) != entry.check {
                problems.append("disk \(record): node \(entry.unit) is damaged")
                return
            }
            for index in 0..<1024 {
                let child = MapEntry(
                    unit: words[4 * index], birth: words[4 * index + 1], valid: words[4 * index + 2],
                    check: words[4 * index + 3])
                if child.birth > entry.birth { problems.append("disk \(record): unit \(child.unit) is younger than its node") }
                visit(record, child, level - 1, base + UInt64(index) << UInt64(10 * level), shared, skipBelow)
            }
        }
        for index in 0..<pool.recordCount where !pool.record(index).isFree {
            let record = pool.record(index)
            let cut = record.state == .deleting ? record.cursor : 0
            // While a snapshot is being merged into its successor, the successor's list names what is left of it.
            let isMerged = record.state == .deleting && pool.successor(of: index) != nil
            if !isMerged { visit(index, record.root, Int(record.height) - 1, 0, record.sharedEpoch, cut) }
            let isMerging = record.previous > 0 && !record.isClone && pool.record(Int(record.previous) - 1).state == .deleting
            var dead = record.dead
            var steps = 0
            while dead.unit != 0 {
                let words = read(dead.unit)
                if !pool.isAllocated(dead.unit) { problems.append("disk \(index): list \(dead.unit) is free") }
                if seen[dead.unit] != nil { problems.append("disk \(index): list \(dead.unit) twice") }
                seen[dead.unit] = index
                if checksum(words) != dead.check {
                    problems.append("disk \(index): list \(dead.unit) is damaged")
                    break
                }
                if isMerging {
                    for entry in 0..<Int(words[0]) { seen[words[8 + 2 * entry]] = index }
                }
                dead.unit = words[1]
                dead.check = words[2]
                steps += 1
                if steps > 100_000 { break }
            }
        }
        for unit in first..<pool.buffers.units where pool.isAllocated(unit) && seen[unit] == nil {
            problems.append("unit \(unit) is allocated, and nothing refers to it")
        }
    }
}
