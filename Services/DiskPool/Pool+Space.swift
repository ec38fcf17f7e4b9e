// The allocation of units. A unit is *taken*, which only memory knows, and *entered* when a structure refers to it.
extension Pool {
    private func bit(_ unit: UInt32) -> (offset: Int, mask: UInt32) { (Int(unit >> 5) * 4, 1 << (unit & 31)) }

    /// Returns whether the space map says that a unit is in use.
    public func isAllocated(_ unit: UInt32) -> Bool {
        let (offset, mask) = bit(unit)
        return memory.load(buffers.mapBlock(0) + offset) & mask != 0
    }

    func isBusy(_ unit: UInt32) -> Bool {
        let (offset, mask) = bit(unit)
        return memory.load(buffers.busy + offset) & mask != 0
    }

    mutating func setAllocated(_ unit: UInt32, _ value: Bool) {
        let (offset, mask) = bit(unit)
        let place = buffers.mapBlock(0) + offset
        let word = memory.load(place)
        memory.store(place, value ? word | mask : word & ~mask)
        space.dirty[Int(unit) / PoolLayout.unitsPerMapBlock] = true
        isDirty = true
    }

    private mutating func setBusy(_ unit: UInt32, _ value: Bool) {
        let (offset, mask) = bit(unit)
        let word = memory.load(buffers.busy + offset)
        memory.store(buffers.busy + offset, value ? word | mask : word & ~mask)
    }

    /// Takes a free unit near another. Returns nil if none is left beside those that the purpose must leave.
    mutating func takeUnit(near hint: UInt32, for use: SpaceMap.Use) -> UInt32? {
        guard space.free > use.reserve else { return nil }
        let hint = hint < space.units ? hint : 0
        let first = Int(hint) / SpaceMap.unitsPerGroup
        if space.groups[first] > 0, let unit = findUnit(from: hint, to: groupEnd(first)) { return take(unit) }
        var group = first
        for _ in space.groups.indices {
            group = group + 1 < space.groups.count ? group + 1 : 0
            guard space.groups[group] > 0 else { continue }
            let start = UInt32(group * SpaceMap.unitsPerGroup)
            if let unit = findUnit(from: start, to: groupEnd(group)) { return take(unit) }
        }
        return nil
    }

    private func groupEnd(_ group: Int) -> UInt32 {
        min(UInt32((group + 1) * SpaceMap.unitsPerGroup), space.units)
    }

    /// Finds a free unit in a range, 32 at a time.
    private func findUnit(from: UInt32, to: UInt32) -> UInt32? {
        var unit = from
        while unit < to {
            let place = Int(unit >> 5) * 4
            let used = memory.load(buffers.mapBlock(0) + place) | memory.load(buffers.busy + place)
            let bits = ~used & ~0 << (unit & 31)
            if bits != 0 {
                let found = unit & ~31 + UInt32(bits.trailingZeroBitCount)
                return found < to ? found : nil
            }
            unit = unit & ~31 + 32
        }
        return nil
    }

    /// Marks a free unit as taken.
    mutating func take(_ unit: UInt32) -> UInt32 {
        setBusy(unit, true)
        space.count(unit, isFree: false)
        return unit
    }

    /// Gives back a unit that was taken and not entered, or freed long enough ago.
    mutating func untake(_ unit: UInt32) {
        setBusy(unit, false)
        space.count(unit, isFree: true)
    }

    /// Allocates a unit that was taken.
    mutating func enter(_ unit: UInt32) {
        setBusy(unit, false)
        setAllocated(unit, true)
    }

    /// Frees a unit. It can be allocated again after the next commit.
    mutating func free(_ unit: UInt32) {
        // The unit may become another node, so the cache must forget this one.
        cache.forget(unit)
        // A hostile or damaged structure may name a unit twice. Freeing it twice would give it to two owners.
        if !isPossible(unit) || space.damaged[Int(unit) / PoolLayout.unitsPerMapBlock] || !isAllocated(unit) { return }
        setAllocated(unit, false)
        setBusy(unit, true)
        space.freed.append(unit)
    }

    /// Frees a node that was allocated since the last commit, so that nothing committed refers to it.
    mutating func freeAtOnce(_ unit: UInt32) {
        setAllocated(unit, false)
        space.count(unit, isFree: true)
    }

    // MARK: Units that become free again

    /// Lets the units that were freed before the last commit go on, once no request of an earlier era is left.
    mutating func drain() {
        if !space.discarding.isEmpty { sendDiscards() }
        guard !space.draining.isEmpty, space.discarding.isEmpty else { return }
        for index in requests.indices
        where requests[index].outstanding > 0 && requests[index].era < space.drainingEra { return }
        if passesDiscards, readOnlyReason == nil {
            swap(&space.discarding, &space.draining)
            space.nextDiscard = 0
            sendDiscards()
        } else {
            for unit in space.draining { untake(unit) }
        }
        space.draining.removeAll(keepingCapacity: true)
    }

    /// The most units in one discard of the device: 128 MiB.
    static var unitsPerDiscard: Int { 8192 }

    /// Sends discards for the next freed units. Neighbours go together.
    private mutating func sendDiscards() {
        while space.nextDiscard < space.discarding.count, outbox.room > requests.count + 128 {
            let first = space.discarding[space.nextDiscard]
            var count = 1
            // The device's requests count bytes in 32 bits.
            while count < Self.unitsPerDiscard, space.nextDiscard + count < space.discarding.count,
                space.discarding[space.nextDiscard + count] == first &+ UInt32(count)
            {
                count += 1
            }
            send(
                .discard, PoolLayout.firstSector(of: first), count * PoolLayout.sectorsPerUnit, .buffer(0), .discard)
            space.nextDiscard += count
            space.discards += 1
        }
    }

    mutating func discardStepFinished() {
        guard space.discards > 0 else { return }
        space.discards -= 1
        guard space.discards == 0, space.nextDiscard == space.discarding.count else { return }
        for unit in space.discarding { untake(unit) }
        space.discarding.removeAll(keepingCapacity: true)
    }

    // MARK: Who pays

    /// Returns the number of free units beyond what others have reserved, for the data of a disk with this record.
    func available(to record: Int) -> UInt64 {
        let kept =
            space.promised - min(space.promised, UInt64(records[record].unusedReservation))
            + UInt64(SpaceMap.Use.data.reserve)
        return UInt64(space.free) - min(UInt64(space.free), kept)
    }

    /// Changes the number of units that a disk or snapshot uses.
    mutating func charge(_ record: Int, _ difference: Int) {
        guard difference != 0 else { return }
        let account = account(of: record)
        let before = records[account].unusedReservation
        records[account].used = UInt32(min(max(Int(records[account].used) + difference, 0), Int(space.units)))
        let after = records[account].unusedReservation
        space.promised = space.promised + UInt64(after) - min(space.promised, UInt64(before))
        touch(account)
    }

    /// Returns the record that pays for a snapshot: the disk that it belongs to, or its newest relative.
    func account(of record: Int) -> Int {
        var current = record
        for _ in records.indices {
            guard let next = successor(of: current) else { return current }
            current = next
        }
        return current
    }

    /// Returns the disk or snapshot that follows a snapshot in the life of one disk.
    public func successor(of record: Int) -> Int? {
        guard records[record].kind == .snapshot else { return nil }
        return records.indices.first {
            // A hostile record may follow itself.
            $0 != record && !records[$0].isFree && records[$0].previousIndex == record && !records[$0].isClone
        }
    }

    /// Returns the number of clones that need a snapshot.
    public func clones(of record: Int) -> Int {
        records.indices.count { !records[$0].isFree && records[$0].previousIndex == record && records[$0].isClone }
    }
}
