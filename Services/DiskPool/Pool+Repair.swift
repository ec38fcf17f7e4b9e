extension Pool {
    /// Corrects what a check has found and what can be corrected without loss: the space map and the counts of units.
    ///
    /// A unit that something refers to becomes allocated. A unit that nothing refers to becomes free only if every
    /// structure could be read, because a damaged one may refer to it. Damaged nodes, records and data stay as they
    /// are. The pool must be at rest, as for the check, and commits afterwards.
    ///
    /// - Returns: the number of faults that the repair corrects.
    public mutating func repair(_ check: PoolCheck) -> Int {
        guard isMounted, readOnlyReason == nil, !isDirty else { return 0 }
        let first = PoolLayout.firstFreeUnit(mapBlocks: buffers.mapBlocks, records: records.count)
        if check.isComplete {
            for block in space.damaged.indices where space.damaged[block] {
                space.damaged[block] = false
                for unit in 0..<first { setAllocated(unit, true) }
            }
        }
        for unit in first..<superblock.units {
            let isUsed = check.isUsed[Int(unit)]
            if isUsed != isAllocated(unit), isUsed || check.isComplete { setAllocated(unit, isUsed) }
        }
        if check.isComplete {
            let charges = check.charges(self)
            for index in records.indices where !records[index].isFree && records[index].used != charges[index] {
                records[index].used = charges[index]
                touch(index)
            }
        }
        finishMount()
        commit.isWanted = true
        advanceAll()
        let corrected = check.faults.filter { $0.remedy == .repair }
        return check.isComplete ? corrected.count : corrected.count { $0.kind == .usedUnitIsFree }
    }
}
