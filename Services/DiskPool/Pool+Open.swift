// Opening and making a pool.
extension Pool {
    /// Makes an empty pool. Everything that the disk holds is lost.
    ///
    /// - Parameter identity: a random number that tells this pool from others.
    public mutating func format(identity: UInt64) {
        let first = PoolLayout.firstFreeUnit(mapBlocks: buffers.mapBlocks, records: records.count)
        memory.clear(0, count: buffers.slot(0))
        for unit in 0..<first { setAllocated(unit, true) }
        markBeyondEnd()
        superblock.identity = identity
        for index in space.dirty.indices { space.dirty[index] = true }
        for index in states.indices { touch(index) }
        finishMount()
        commit.isWanted = true
        advanceAll()
    }

    /// Marks the bits of the last block of the space map that have no unit.
    private mutating func markBeyondEnd() {
        for unit in buffers.units..<UInt32(buffers.mapBlocks * PoolLayout.unitsPerMapBlock) {
            let place = buffers.mapBlock(0) + Int(unit >> 5) * 4
            memory.store(place, memory.load(place) | 1 << (unit & 31))
        }
    }

    /// Opens the pool on the disk: reads the superblock, the space map and the records, and replays the log.
    public mutating func open() {
        mount.stage = .superblocks
        mount.attempt += 1
        readSuperblock(0)
    }

    /// The number of attempts to open a pool after which a block or a record that the device cannot read counts as
    /// damaged. Before, the pool does not open, because another attempt may read it.
    public static var openAttempts: Int { 3 }

    /// Tries again what the device has failed: to open the pool, to commit, or to delete. Does nothing if nothing has
    /// failed, or if it is being tried. The owner calls it from time to time while `hasTrouble`.
    public mutating func retry() {
        if mount.stage == .failed {
            forgetEverything()
            return open()
        }
        guard isMounted else { return }
        for index in states.indices { states[index].isDelayed = false }
        countDeletions()
        if commit.stage == .failed {
            commit.begin()
            continueWriting()
        }
        advanceAll()
    }

    /// Makes the state as it was before `open`. Nothing is under way.
    private mutating func forgetEverything() {
        shape(capacity)
        superblock = Superblock()
        (superblock.units, superblock.records) = (buffers.units, UInt32(buffers.records))
        let attempt = mount.attempt
        (mount, commit) = (Mount(), Commit())
        mount.attempt = attempt
        failed.removeAll(keepingCapacity: true)
        (isDirty, logged, deletions, delayedDeletions) = (false, 0, 0, 0)
        if case .features = readOnlyReason { readOnlyReason = nil }
    }

    /// Lays the memory out for other sizes. No structure lies in it but the superblock.
    private mutating func shape(_ sizes: PoolBuffers) {
        buffers = sizes
        records = [DiskRecord](repeating: DiskRecord(), count: sizes.records)
        states = [DiskState](repeating: DiskState(), count: sizes.records)
        cache = NodeCache(count: sizes.slots)
        space = SpaceMap(units: sizes.units)
    }

    private mutating func readSuperblock(_ copy: Int) {
        mount.next = copy
        sendUnit(.read, UInt32(copy), buffers.superblock, .mount)
    }

    mutating func mountStepFinished(_ succeeded: Bool) {
        switch mount.stage {
        case .superblocks: superblockRead(succeeded)
        case .selected: useSuperblock(succeeded)
        case .flushing:
            guard succeeded else { return failMount(.device) }
            mount.stage = .blocks
            mount.next = 0
            readNextBlock()
        case .blocks: blockRead(succeeded)
        case .idle, .replaying, .done, .failed: return
        }
    }

    mutating func failMount(_ error: PoolError) {
        mount.failure = error
        mount.stage = .failed
    }

    // MARK: The superblock

    /// Judges a copy of the superblock, and goes on with the next one or with the best.
    private mutating func superblockRead(_ succeeded: Bool) {
        if let error = judgeSuperblock(succeeded) { mount.failures.append(error) }
        if mount.next < 3 { return readSuperblock(mount.next + 1) }
        // A newer program may have written any of the copies.
        let refusals: [PoolError] = [.unknownVersion, .unknownFeatures]
        if let reason = refusals.first(where: { mount.failures.contains($0) }) { return failMount(reason) }
        // An older generation must not pass for the newest one.
        if mount.missesGeneration { return failMount(.device) }
        guard let best = mount.best else {
            let reasons: [PoolError] = [.badSize, .damaged]
            return failMount(reasons.first { mount.failures.contains($0) } ?? .noPool)
        }
        mount.stage = .selected
        sendUnit(.read, UInt32(best.copy), buffers.superblock, .mount)
    }

    private mutating func judgeSuperblock(_ succeeded: Bool) -> PoolError? {
        guard succeeded else {
            mount.unreadable |= 1 << UInt32(mount.next)
            return .device
        }
        do throws(PoolError) {
            let found = try Superblock(&memory, at: buffers.superblock)
            guard found.units <= capacity.units, Int(found.records) <= capacity.records else { return .badSize }
            mount.valid |= 1 << UInt32(mount.next)
            if mount.best.map({ found.generation > $0.generation }) ?? true {
                mount.best = (found.generation, mount.next)
            }
            return nil
        } catch {
            // This does not count as damage, because a power cut can leave such a copy.
            return error
        }
    }

    private mutating func useSuperblock(_ succeeded: Bool) {
        guard succeeded else { return failMount(.device) }
        do throws(PoolError) {
            superblock = try Superblock(&memory, at: buffers.superblock)
        } catch {
            return failMount(error)
        }
        let unknown = superblock.features.readOnlyCompatible & ~PoolFeatures.known.readOnlyCompatible
        if unknown != 0, readOnlyReason == nil { readOnlyReason = .features(unknown) }
        let sizes = capacity.smaller(units: superblock.units, records: Int(superblock.records))
        if sizes != buffers { shape(sizes) }
        // The life before may have died between the writing of this superblock and the flush. The next commit
        // overwrites what the superblock before needs, so this one must be durable first.
        mount.stage = .flushing
        send(.flush, 0, 0, .buffer(0), .mount)
    }

    // MARK: The space map and the records

    private mutating func readNextBlock() {
        while mount.next < buffers.mapBlocks + records.count {
            let index = mount.next
            let entry = DirectoryEntry(memory, at: buffers.superblock + DirectoryEntry.offset(index))
            if index < buffers.mapBlocks {
                let unit = PoolLayout.mapBlock(index, slot: entry.slot)
                return sendUnit(.read, unit, buffers.mapBlock(index), .mount)
            }
            if entry.isUsed {
                let record = index - buffers.mapBlocks
                let sector = PoolLayout.recordSector(record, slot: entry.slot, mapBlocks: buffers.mapBlocks)
                return send(.read, sector, 1, .buffer(buffers.record(record)), .mount)
            }
            mount.next += 1
        }
        beginReplay()
    }

    private mutating func blockRead(_ succeeded: Bool) {
        guard succeeded || mount.attempt >= Self.openAttempts else { return failMount(.device) }
        let index = mount.next
        let entry = DirectoryEntry(memory, at: buffers.superblock + DirectoryEntry.offset(index))
        if index < buffers.mapBlocks {
            checkMapBlock(index, entry.check, succeeded)
        } else {
            checkRecord(index - buffers.mapBlocks, entry.check, succeeded)
        }
        mount.next += 1
        readNextBlock()
    }

    private mutating func checkMapBlock(_ block: Int, _ check: UInt32, _ succeeded: Bool) {
        let offset = buffers.mapBlock(block)
        if succeeded, memory.checksum(offset, count: PoolLayout.unitSize) == check { return }
        // Without the block, each of its units may be in use.
        counters.damaged += 1
        space.damaged[block] = true
        for word in stride(from: 0, to: PoolLayout.unitSize, by: 4) { memory.store(offset + word, ~0) }
    }

    private mutating func checkRecord(_ record: Int, _ check: UInt32, _ succeeded: Bool) {
        let offset = buffers.record(record)
        if succeeded, memory.checksum(offset, count: PoolLayout.recordSize) == check,
            let found = DiskRecord(memory, at: offset, units: superblock.units, records: records.count)
        {
            records[record] = found
            return
        }
        counters.damaged += 1
        states[record].isDamaged = true
    }

    // MARK: The end

    /// Lets a pool that the owner opened for reading accept changes. Deletions go on.
    public mutating func beginChanges() {
        guard readOnlyReason == .owner else { return }
        let unknown = superblock.features.readOnlyCompatible & ~PoolFeatures.known.readOnlyCompatible
        readOnlyReason = unknown == 0 ? nil : .features(unknown)
        countDeletions()
        advanceAll()
    }

    /// Counts what is free, and takes requests.
    mutating func finishMount() {
        commit.torn = ~mount.valid & 0b1111
        countFreeUnits()
        space.promised = 0
        for index in records.indices where !records[index].isFree {
            space.promised += UInt64(records[index].unusedReservation)
        }
        countDeletions()
        mount.stage = .done
    }

    func freeBits(word: Int) -> Int { (~memory.load(buffers.mapBlock(0) + 4 * word)).nonzeroBitCount }

    mutating func countFreeUnits() {
        memory.clear(buffers.busy, count: PoolLayout.unitSize * buffers.mapBlocks)
        space.free = 0
        for group in space.groups.indices {
            var free = 0
            let first = group * SpaceMap.unitsPerGroup / 32
            for word in first..<min(first + SpaceMap.unitsPerGroup / 32, buffers.mapBlocks * PoolLayout.unitSize / 4) {
                free += freeBits(word: word)
            }
            space.groups[group] = UInt32(free)
            space.free += UInt32(free)
        }
    }
}
