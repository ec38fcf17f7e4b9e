// The commit: writes what has changed, so that a power cut at any moment leaves the pool as it was before or after.
struct Commit {
    enum Stage { case idle, writing, flushing, switching, finishing }
    var stage = Stage.idle
    var isWanted = false
    /// Device requests of this stage that are under way.
    var outstanding = 0
    /// The next structures to be sent, while the queue to the device is full.
    var nextSlot = 0
    var nextMapBlock = 0
    var nextRecord = 0
    var hasFailed = false
    /// The number of commits that have ended.
    var finished: UInt64 = 0

    var isRunning: Bool { stage != .idle }
}

extension Pool {
    /// True if memory holds metadata that the disk does not.
    var isDirty: Bool {
        cache.dirtyCount > 0 || space.dirty.contains(true) || states.contains(where: { $0.isDirty })
    }

    mutating func startCommitIfWanted() -> Bool {
        drain()
        guard commit.isWanted, !commit.isRunning, !isBroken else { return false }
        commit.isWanted = false
        guard isDirty else { return false }
        era += 1
        commit.stage = .writing
        commit.nextSlot = 0
        commit.nextMapBlock = 0
        commit.nextRecord = 0
        commit.hasFailed = false
        sealNodes()
        superblock.generation += 1
        continueWriting()
        return true
    }

    /// Computes the checksums of all changed nodes, from the leaves upwards, and enters them where the nodes are named.
    private mutating func sealNodes() {
        for level in 0..<PoolLayout.maximumHeight {
            for slot in 0..<cache.count where cache.slots[slot].state == .dirty && cache.slots[slot].level == level {
                let check = memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize)
                switch cache.slots[slot].parent {
                case .none: continue
                case .node(let parent, let index):
                    memory.store(buffers.slot(parent) + 16 * index + 12, check)
                case .root(let record): records[record].root.check = check
                case .deadList(let record):
                    if records[record].dead.unit == cache.slots[slot].unit { records[record].dead.check = check }
                }
            }
        }
    }

    private mutating func continueWriting() {
        let unitSectors = PoolLayout.sectorsPerUnit
        while commit.nextSlot < cache.count, outbox.room > 8 {
            let slot = commit.nextSlot
            commit.nextSlot += 1
            guard cache.slots[slot].state == .dirty else { continue }
            write(UInt64(cache.slots[slot].unit) * UInt64(unitSectors), unitSectors, buffers.slot(slot))
        }
        while commit.nextMapBlock < buffers.mapBlocks, outbox.room > 8 {
            let block = commit.nextMapBlock
            commit.nextMapBlock += 1
            guard space.dirty[block], !space.damaged[block] else { continue }
            let slot = toggle(directory: block, at: buffers.mapBlock(block), size: PoolLayout.unitSize)
            write(
                UInt64(PoolLayout.mapBlock(block, slot: slot)) * UInt64(unitSectors), unitSectors,
                buffers.mapBlock(block))
        }
        while commit.nextRecord < records.count, outbox.room > 8 {
            let index = commit.nextRecord
            commit.nextRecord += 1
            guard states[index].isDirty else { continue }
            records[index].encode(&memory, at: buffers.record(index))
            let slot = toggle(
                directory: buffers.mapBlocks + index, at: buffers.record(index), size: PoolLayout.recordSize)
            write(
                PoolLayout.recordSector(index, slot: slot, mapBlocks: buffers.mapBlocks), 1, buffers.record(index))
        }
    }

    private var isWritten: Bool {
        commit.nextSlot == cache.count && commit.nextMapBlock == buffers.mapBlocks && commit.nextRecord == records.count
    }

    private mutating func write(_ sector: UInt64, _ count: Int, _ offset: Int) {
        send(.write, sector, count, .buffer(offset), .commit)
        commit.outstanding += 1
    }

    /// Enters a block's checksum and its other slot into the directory.
    private mutating func toggle(directory index: Int, at offset: Int, size: Int) -> Int {
        let place = buffers.superblock + DirectoryEntry.offset(index)
        let old = DirectoryEntry(memory, at: place)
        let entry = DirectoryEntry(check: memory.checksum(offset, count: size), slot: old.isUsed ? 1 - old.slot : 0)
        entry.encode(&memory, at: place)
        return entry.slot
    }

    mutating func commitStepFinished(_ succeeded: Bool) {
        commit.outstanding -= 1
        if !succeeded { commit.hasFailed = true }
        if commit.stage == .writing, !commit.hasFailed { continueWriting() }
        guard commit.outstanding == 0 else { return }
        if commit.hasFailed {
            // The disk still has the state of the last commit. Nothing is changed any more.
            isBroken = true
            commit.stage = .idle
            return
        }
        switch commit.stage {
        case .idle: return
        case .writing:
            guard isWritten else { return }
            commit.stage = .flushing
            flushDevice()
        case .flushing:
            commit.stage = .switching
            superblock.encode(&memory, at: buffers.superblock)
            for copy in 0..<2 {
                write(
                    UInt64(PoolLayout.superblock(generation: superblock.generation, copy: copy))
                        * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit, buffers.superblock)
            }
        case .switching:
            commit.stage = .finishing
            flushDevice()
        case .finishing: finishCommit()
        }
    }

    private mutating func flushDevice() {
        send(.flush, 0, 0, .buffer(0), .commit)
        commit.outstanding += 1
    }

    private mutating func finishCommit() {
        commit.stage = .idle
        commit.finished += 1
        for slot in 0..<cache.count where cache.slots[slot].state == .dirty { cache.set(slot, .clean) }
        for index in states.indices {
            states[index].isDirty = false
            states[index].deadSlot = -1
        }
        for block in space.dirty.indices { space.dirty[block] = false }
        space.draining += space.freed
        space.drainingEra = era
        space.freed.removeAll(keepingCapacity: true)
    }

    /// Makes the units that were freed before the last commit available, once no request of an earlier era is left.
    mutating func drain() {
        guard !space.draining.isEmpty else { return }
        for request in requests where request.isActive && request.era < space.drainingEra && request.outstanding > 0 {
            return
        }
        for unit in space.draining { untake(unit) }
        space.draining.removeAll(keepingCapacity: true)
    }
}

// MARK: - Opening and making a pool

struct Mount {
    enum Stage: Equatable { case idle, superblocks, blocks, formatting, done, failed }
    var stage = Stage.idle
    var failure: PoolError?
    var next = 0
    var best: (generation: UInt64, copy: Int)?
    var failures: [PoolError] = []
    var outstanding = 0
}

extension Pool {
    /// Makes an empty pool. Everything that the disk holds is lost.
    public mutating func format() {
        let first = PoolLayout.firstFreeUnit(mapBlocks: buffers.mapBlocks, records: records.count)
        memory.clear(0, count: buffers.slot(0))
        for unit in 0..<first { markAllocated(unit) }
        for unit in buffers.units..<UInt32(buffers.mapBlocks * PoolLayout.unitsPerMapBlock) { markAllocated(unit) }
        space.free = buffers.units - first
        for index in space.dirty.indices { space.dirty[index] = true }
        for index in states.indices { states[index].isDirty = true }
        mount.stage = .done
        commit.isWanted = true
        advanceAll()
    }

    private mutating func markAllocated(_ unit: UInt32) {
        let place = buffers.mapBlock(0) + Int(unit >> 5) * 4
        memory.store(place, memory.load(place) | 1 << (unit & 31))
    }

    /// Opens the pool on the disk: reads the superblock, the space map and the records.
    public mutating func open() {
        mount.stage = .superblocks
        readSuperblock(0)
    }

    private mutating func readSuperblock(_ copy: Int) {
        mount.next = copy
        readMount(UInt64(copy) * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit, buffers.superblock)
    }

    private mutating func readMount(_ sector: UInt64, _ count: Int, _ offset: Int) {
        mount.outstanding += 1
        send(.read, sector, count, .buffer(offset), .mount)
    }

    mutating func mountStepFinished(_ succeeded: Bool) {
        mount.outstanding -= 1
        switch mount.stage {
        case .superblocks: superblockRead(succeeded)
        case .blocks: blockRead(succeeded)
        default: return
        }
    }

    private mutating func superblockRead(_ succeeded: Bool) {
        if mount.best != nil, mount.next >= 4 { return useSuperblock(succeeded) }
        if succeeded {
            do throws(Superblock.Failure) {
                let found = try Superblock(&memory, at: buffers.superblock)
                if found.units > buffers.units || Int(found.records) != records.count
                    || found.mapBlocks != buffers.mapBlocks
                {
                    mount.failures.append(.damaged)
                } else if mount.best == nil || found.generation > mount.best!.generation {
                    mount.best = (found.generation, mount.next)
                }
            } catch {
                switch error {
                case .noPool: mount.failures.append(.noPool)
                case .damaged:
                    damage += 1
                    mount.failures.append(.damaged)
                case .unknownVersion: mount.failures.append(.unknownVersion)
                case .unknownFeatures: mount.failures.append(.unknownFeatures)
                }
            }
        } else {
            mount.failures.append(.device)
        }
        if mount.next < 3 { return readSuperblock(mount.next + 1) }
        guard let best = mount.best, !mount.failures.contains(.unknownFeatures), !mount.failures.contains(.unknownVersion)
        else {
            let reasons: [PoolError] = [.unknownVersion, .unknownFeatures, .damaged, .device]
            mount.failure = reasons.first { mount.failures.contains($0) } ?? .noPool
            mount.stage = .failed
            return
        }
        mount.next = 4
        readMount(UInt64(best.copy) * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit, buffers.superblock)
    }

    private mutating func useSuperblock(_ succeeded: Bool) {
        guard succeeded, let found = try? Superblock(&memory, at: buffers.superblock) else {
            mount.failure = .device
            mount.stage = .failed
            return
        }
        superblock = found
        mount.stage = .blocks
        mount.next = 0
        readNextBlock()
    }

    private mutating func readNextBlock() {
        while mount.next < buffers.mapBlocks + records.count {
            let index = mount.next
            let entry = DirectoryEntry(memory, at: buffers.superblock + DirectoryEntry.offset(index))
            if index < buffers.mapBlocks {
                return readMount(
                    UInt64(PoolLayout.mapBlock(index, slot: entry.slot)) * UInt64(PoolLayout.sectorsPerUnit),
                    PoolLayout.sectorsPerUnit, buffers.mapBlock(index))
            }
            if entry.isUsed {
                let record = index - buffers.mapBlocks
                return readMount(
                    PoolLayout.recordSector(record, slot: entry.slot, mapBlocks: buffers.mapBlocks), 1,
                    buffers.record(record))
            }
            mount.next += 1
        }
        finishMount()
    }

    private mutating func blockRead(_ succeeded: Bool) {
        let index = mount.next
        let entry = DirectoryEntry(memory, at: buffers.superblock + DirectoryEntry.offset(index))
        if index < buffers.mapBlocks {
            let offset = buffers.mapBlock(index)
            if !succeeded || memory.checksum(offset, count: PoolLayout.unitSize) != entry.check {
                // Without the block, each of its units may be in use.
                damage += 1
                space.damaged[index] = true
                for word in stride(from: 0, to: PoolLayout.unitSize, by: 4) { memory.store(offset + word, ~0) }
            }
        } else {
            let record = index - buffers.mapBlocks
            let offset = buffers.record(record)
            if succeeded, memory.checksum(offset, count: PoolLayout.recordSize) == entry.check,
                let found = DiskRecord(memory, at: offset, units: buffers.units, records: records.count)
            {
                records[record] = found
            } else {
                damage += 1
                states[record].isDamaged = true
                records[record].kind = .disk
            }
        }
        mount.next += 1
        readNextBlock()
    }

    private mutating func finishMount() {
        memory.clear(buffers.busy, count: PoolLayout.unitSize * buffers.mapBlocks)
        var free: UInt32 = 0
        for word in stride(from: 0, to: PoolLayout.unitSize * buffers.mapBlocks, by: 4) {
            free += UInt32((~memory.load(buffers.mapBlock(0) + word)).nonzeroBitCount)
        }
        space.free = free
        for index in records.indices where !records[index].isFree {
            space.promised += UInt64(unusedReservation(index))
        }
        mount.stage = .done
        advanceAll()
    }
}

