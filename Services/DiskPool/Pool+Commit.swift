// The commit: writes what has changed, so that a power cut at any moment leaves the pool as it was before or after.
extension Pool {
    /// Notes that a record has changed.
    mutating func touch(_ record: Int) {
        states[record].isDirty = true
        isDirty = true
    }

    /// Begins a commit if one is wanted and something has changed. Returns whether it did.
    mutating func startCommitIfWanted() -> Bool {
        guard commit.isWanted, !commit.isRunning, readOnlyReason == nil else { return false }
        commit.isWanted = false
        guard isDirty else { return false }
        era += 1
        sealNodes()
        sealDirectory()
        superblock.generation &+= 1
        commit.begin()
        continueWriting()
        return true
    }

    /// Enters the checksums of all changed blocks and records into the directory, and gives each its other slot.
    ///
    /// All of them change together, so that a commit that failed can write the same blocks to the same slots again.
    private mutating func sealDirectory() {
        for block in 0..<buffers.mapBlocks where space.dirty[block] && !space.damaged[block] {
            toggle(directory: block, at: buffers.mapBlock(block), size: PoolLayout.unitSize)
        }
        for index in records.indices where states[index].isDirty {
            let offset = buffers.record(index)
            records[index].encode(&memory, at: offset)
            toggle(directory: buffers.mapBlocks + index, at: offset, size: PoolLayout.recordSize)
        }
    }

    /// Computes the checksums of all changed nodes, from the leaves upwards, and enters them where the nodes are named.
    private mutating func sealNodes() {
        for level in 0..<PoolLayout.maximumHeight {
            for slot in 0..<cache.count where cache.slots[slot].state == .dirty && cache.slots[slot].level == level {
                let check = memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize)
                switch cache.slots[slot].parent {
                case .none: continue
                case .node(let parent, let index): memory.store(buffers.slot(parent) + 16 * index + 12, check)
                case .root(let record): records[record].root.check = check
                case .deadList(let record):
                    if records[record].dead.unit == cache.slots[slot].unit { records[record].dead.check = check }
                }
            }
        }
    }

    /// Sends what has changed, as far as the queue to the device has room.
    mutating func continueWriting() {
        guard commit.stage == .writing, !commit.hasFailed, !isWritten else { return }
        spoilTornCopies()
        while commit.nextSlot < cache.count, outbox.room > 8 {
            let slot = commit.nextSlot
            commit.nextSlot += 1
            guard cache.slots[slot].state == .dirty else { continue }
            writeUnit(cache.slots[slot].unit, buffers.slot(slot))
        }
        while commit.nextMapBlock < buffers.mapBlocks, outbox.room > 8 {
            let block = commit.nextMapBlock
            commit.nextMapBlock += 1
            guard space.dirty[block], !space.damaged[block] else { continue }
            writeUnit(PoolLayout.mapBlock(block, slot: slot(directory: block)), buffers.mapBlock(block))
        }
        while commit.nextRecord < records.count, outbox.room > 8 {
            let index = commit.nextRecord
            commit.nextRecord += 1
            if states[index].isDirty { writeRecord(index) }
        }
    }

    /// Overwrites the first sector of each torn copy in the place of this commit's superblock.
    ///
    /// An earlier life may have left sectors of a superblock of the same generation there. Single sectors of the new
    /// one could complete it after a power cut, and it would name records that this commit has overwritten. The first
    /// sector of the present superblock has another generation and cannot. It is durable before the new superblock is
    /// sent.
    private mutating func spoilTornCopies() {
        guard !commit.hasSpoiled else { return }
        commit.hasSpoiled = true
        for copy in 0..<2 {
            let unit = PoolLayout.superblock(generation: superblock.generation, copy: copy)
            guard commit.torn & 1 << unit != 0 else { continue }
            send(.write, PoolLayout.firstSector(of: unit), 1, .buffer(buffers.superblock), .commit)
            commit.outstanding += 1
        }
    }

    private mutating func writeRecord(_ index: Int) {
        let slot = slot(directory: buffers.mapBlocks + index)
        let sector = PoolLayout.recordSector(index, slot: slot, mapBlocks: buffers.mapBlocks)
        send(.write, sector, 1, .buffer(buffers.record(index)), .commit)
        commit.outstanding += 1
    }

    private mutating func writeUnit(_ unit: UInt32, _ offset: Int) {
        sendUnit(.write, unit, offset, .commit)
        commit.outstanding += 1
    }

    private var isWritten: Bool {
        commit.nextSlot == cache.count && commit.nextMapBlock == buffers.mapBlocks
            && commit.nextRecord == records.count
    }

    private func slot(directory index: Int) -> Int {
        DirectoryEntry(memory, at: buffers.superblock + DirectoryEntry.offset(index)).slot
    }

    /// Enters a block's checksum and its other slot into the directory.
    private mutating func toggle(directory index: Int, at offset: Int, size: Int) {
        let place = buffers.superblock + DirectoryEntry.offset(index)
        let old = DirectoryEntry(memory, at: place)
        let entry = DirectoryEntry(check: memory.checksum(offset, count: size), slot: old.isUsed ? 1 - old.slot : 0)
        entry.encode(&memory, at: place)
    }

    mutating func commitStepFinished(_ succeeded: Bool) {
        guard commit.outstanding > 0 else { return }
        commit.outstanding -= 1
        if !succeeded { commit.hasFailed = true }
        continueWriting()
        guard commit.outstanding == 0 else { return }
        if commit.hasFailed { return failCommit() }
        switch commit.stage {
        case .idle, .failed: return
        case .writing:
            guard isWritten else { return }
            commit.stage = .flushing
            flushDevice()
        case .flushing:
            deviceFlushed(commit.mark, true)
            commit.stage = .switching
            for copy in 0..<2 {
                commit.torn &= ~(1 << PoolLayout.superblock(generation: superblock.generation, copy: copy))
            }
            writeSuperblock()
        case .switching:
            commit.stage = .finishing
            flushDevice()
        case .finishing:
            deviceFlushed(commit.mark, true)
            finishCommit()
        }
    }

    /// Stops all changes. The device still has the state of the last commit, or already that of this one, and may lose
    /// the latter. So nothing may be written that either of them does not expect, until this commit has succeeded.
    private mutating func failCommit() {
        if commit.stage == .flushing || commit.stage == .finishing { deviceFlushed(commit.mark, false) }
        commit.stage = .failed
        commit.isRepeated = true
        counters.failedCommits += 1
    }

    private mutating func flushDevice() {
        commit.mark = writes.ended
        writes.sent = max(writes.sent, writes.ended)
        send(.flush, 0, 0, .buffer(0), .commit)
        commit.outstanding += 1
    }

    private mutating func writeSuperblock() {
        superblock.encode(&memory, at: buffers.superblock)
        for copy in 0..<2 {
            writeUnit(PoolLayout.superblock(generation: superblock.generation, copy: copy), buffers.superblock)
        }
    }

    private mutating func finishCommit() {
        commit.stage = .idle
        commit.isRepeated = false
        commit.finished += 1
        counters.commits += 1
        isDirty = false
        logged = 0
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
}
