// The recovery log: what was acknowledged and not committed survives the death of the component.
extension Pool {
    /// Records a change of a map entry, before the request that made it is answered.
    mutating func logChange(_ entry: RecoveryEntry) {
        guard log.capacity > 0, mount.stage == .done, logged < log.capacity else { return }
        log.append(entry, at: logged, generation: superblock.generation, key: superblock.identity)
        logged += 1
    }

    /// Reads the log, and takes the units that its entries name, so that the replay allocates none of them.
    mutating func beginReplay() {
        finishMount()
        guard readOnlyReason == nil else { return }
        while logged < log.capacity,
            let entry = log.entry(at: logged, generation: superblock.generation, key: superblock.identity)
        {
            logged += 1
            guard entry.record < records.count, records[entry.record].kind == .disk else { continue }
            let unit = entry.entry.unit
            guard unit == 0 || isPossible(unit) else { continue }
            if unit != 0, !isAllocated(unit), !isBusy(unit) { _ = take(unit) }
            mount.entries.append(entry)
        }
        mount.next = 0
        if !mount.entries.isEmpty { mount.stage = .replaying }
    }

    /// Enters the changes of the log into the maps, until a node has to be loaded.
    mutating func replay() {
        while mount.next < mount.entries.count {
            let change = mount.entries[mount.next]
            switch replay(change) {
            case .wait:
                // Nothing else runs, so only a load ends the waiting.
                if cache.loadingCount == 0, outbox.count == 0 { failMount(.recovery) }
                return
            case .failure(.device): return failMount(.device)
            case .failure:
                // The change is lost, so the disk must not answer with older data.
                counters.damaged += 1
                states[change.record].isDamaged = true
            case .value: counters.replayed += 1
            }
            mount.next += 1
        }
        mount.entries = []
        mount.stage = .done
    }

    private mutating func replay(_ change: RecoveryEntry) -> Found<Bool> {
        let place: LeafPlace
        switch changeableLeaf(change.record, UInt64(change.unit), freeing: 1, for: .deletion) {
        case .wait: return .wait
        case .failure(let error): return .failure(error)
        case .value(let found): place = found
        }
        var after = change.entry
        let before = entry(place.slot, place.index)
        // A snapshot that was not committed may have raised the epoch meanwhile. The present epoch holds.
        if !after.isNone { after.birth = after.unit == before.unit ? before.birth : superblock.epoch }
        self.change(change.record, UInt64(change.unit), place, to: after, for: .deletion)
        return .value(true)
    }
}
