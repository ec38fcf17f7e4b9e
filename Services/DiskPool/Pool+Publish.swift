// The end of a segment: its units enter the map, and the recovery log.
extension Pool {
    /// Enters the units of a segment into the map. All of them have one leaf.
    mutating func publish(_ index: Int) {
        let disk = requests[index].request.disk
        guard readOnlyReason == nil else { return finish(index, .readOnly) }
        let place: LeafPlace
        switch changeableLeaf(disk, requests[index].first, freeing: PoolLayout.unitsPerSegment, for: .map) {
        case .wait: return
        case .failure(let error): return finish(index, error)
        case .value(let found): place = found
        }
        var done = requests[index].done - requests[index].segmentSectors
        let end = requests[index].done
        for position in requests[index].targets.indices {
            let from = Int((requests[index].request.sector + UInt64(done)) % UInt64(PoolLayout.sectorsPerUnit))
            let count = min(PoolLayout.sectorsPerUnit - from, end - done)
            done += count
            let target = LeafPlace(slot: place.slot, index: place.index + position)
            let after = entryAfterWrite(index, position, entry(target), PoolLayout.mask(from, count))
            let unit = requests[index].first + UInt64(position)
            if requests[index].isFresh[position] {
                requests[index].isFresh[position] = false
                states[disk].taken -= 1
            }
            change(disk, unit, target, to: after, for: .map)
        }
        endSegment(index)
        write(index)
    }

    /// Returns the leaf of a virtual unit when it and what belongs to it may change.
    mutating func changeableLeaf(
        _ disk: Int, _ unit: UInt64, freeing count: Int, for use: SpaceMap.Use
    ) -> Found<LeafPlace> {
        switch canChange(freeing: count, for: use) {
        case .value: return writableLeaf(disk, unit, for: use)
        case .wait: return .wait
        case .failure(let error): return .failure(error)
        }
    }

    /// Returns the entry of a unit after the segment has written some of its sectors.
    private func entryAfterWrite(_ index: Int, _ position: Int, _ before: MapEntry, _ written: UInt32) -> MapEntry {
        let target = requests[index].targets[position]
        let isCopied = requests[index].bounce >= 0
        var after = MapEntry(unit: target, birth: superblock.epoch, valid: written)
        if target == before.unit { after.birth = before.birth }
        if !before.isNone, target == before.unit || isCopied { after.valid |= before.valid }
        if records[requests[index].request.disk].hasChecksums { after.check = requests[index].check }
        return after
    }

    private mutating func endSegment(_ index: Int) {
        if requests[index].bounce >= 0 { cache.release(requests[index].bounce) }
        requests[index].bounce = -1
        if !requests[index].targets.isEmpty { locks -= 1 }
        requests[index].targets.removeAll(keepingCapacity: true)
        requests[index].isFresh.removeAll(keepingCapacity: true)
        requests[index].stage = .lookup
        hasReleased = true
    }

    /// Changes one entry of a writable leaf, and records the change in the log. A unit that the entry names anew has
    /// been taken.
    mutating func change(
        _ disk: Int, _ unit: UInt64, _ place: LeafPlace, to after: MapEntry, for use: SpaceMap.Use
    ) {
        let before = entry(place.slot, place.index)
        if after.unit != before.unit {
            if !after.isNone {
                enter(after.unit)
                charge(disk, 1)
            }
            if !before.isNone { release(disk, before, for: use) }
        }
        setEntry(place.slot, place.index, after)
        logChange(RecoveryEntry(record: disk, unit: UInt32(truncatingIfNeeded: unit), entry: after))
    }
}
