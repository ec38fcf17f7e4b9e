// Writes. A unit that belongs to the disk alone and holds data in the sectors concerned is written in place. Otherwise
// the write is a *segment*: its data goes to units that no committed structure uses, and afterwards these enter the
// map.
extension Pool {
    mutating func write(_ index: Int) {
        guard becomeWriter(index) else { return }
        let request = requests[index]
        let disk = request.request.disk
        if request.outstanding == 0 { request.era = era }
        while request.done < request.request.count {
            guard hasRoomForData else { return sendRun(index) }
            let piece = nextPiece(index)
            let found: Located
            switch locate(disk, piece.unit) {
            case .wait: return sendRun(index)
            case .failure(let error): return fail(index, error)
            case .value(let value): found = value
            }
            guard !isLocked(index, piece.unit) else { return sendRun(index) }
            let before = found.entry
            guard isOwn(before, disk), before.valid & piece.mask == piece.mask, !records[disk].hasChecksums else {
                return beginSegment(index, piece.unit)
            }
            // Another request may have locked one of the units behind the piece, so that each is looked at by itself.
            var count = piece.count
            if locks == 0 {
                // As an argument of the call, this would make the compiler copy the whole pool.
                let birth = records[disk].sharedEpoch &+ 1
                count = extent(found, piece, count: request.request.count - request.done, birth: birth)
            }
            let sector = PoolLayout.firstSector(of: before.unit) + UInt64(piece.from)
            transfer(index, .write, sector, count, piece.offset)
            request.done += count
        }
        sendRun(index)
        guard request.outstanding == 0 else { return }
        if let error = request.error { return finish(index, error) }
        guard request.request.isDurable else { return finish(index, nil) }
        beginDurable(index)
    }

    /// Returns whether a unit belongs to the disk alone.
    private func isOwn(_ entry: MapEntry, _ disk: Int) -> Bool {
        !entry.isNone && entry.birth > records[disk].sharedEpoch
    }

    /// Begins to write units whose map entries change. Takes as many as one leaf maps and need no copy, or one that
    /// needs a copy.
    private mutating func beginSegment(_ index: Int, _ first: UInt64) {
        let disk = requests[index].request.disk
        requests[index].first = first
        let start = requests[index].done
        while requests[index].done < requests[index].request.count,
            requests[index].targets.count < PoolLayout.unitsPerSegment
        {
            let piece = nextPiece(index)
            guard piece.unit >> 10 == first >> 10, !isLocked(index, piece.unit) else { break }
            guard case .value(let before) = dataEntry(disk, piece.unit) else { break }
            if needsCopy(before, disk, piece) {
                if requests[index].targets.isEmpty { return beginCopy(index, before, piece) }
                break
            }
            guard let target = target(index, before, piece) else { break }
            let sector = PoolLayout.firstSector(of: target) + UInt64(piece.from)
            if records[disk].hasChecksums {
                requests[index].check = memory.checksum(
                    window: requests[index].request.window, piece.offset, count: PoolLayout.unitSize)
            }
            transfer(index, .write, sector, piece.count, piece.offset)
            requests[index].done += piece.count
            // The request remembers one checksum.
            if records[disk].hasChecksums { break }
        }
        sendRun(index)
        requests[index].segmentSectors = requests[index].done - start
        if !requests[index].targets.isEmpty {
            requests[index].stage = .writing
        } else if let error = requests[index].error, requests[index].outstanding == 0 {
            finish(index, error)
        }
    }

    /// Returns whether a write must go through a buffer: the sectors around it come from a unit that it cannot change,
    /// or enter a checksum.
    private func needsCopy(_ entry: MapEntry, _ disk: Int, _ piece: Piece) -> Bool {
        if records[disk].hasChecksums { return !piece.isWhole }
        return !entry.isNone && !isOwn(entry, disk) && entry.valid & ~piece.mask != 0
    }

    /// Adds the unit for a piece to the segment: the present one, or a fresh one. Returns nil if the segment ends here.
    private mutating func target(_ index: Int, _ before: MapEntry, _ piece: Piece) -> UInt32? {
        let disk = requests[index].request.disk
        if isOwn(before, disk), !records[disk].hasChecksums {
            // A unit that holds data in all these sectors needs no segment.
            if before.valid & piece.mask == piece.mask { return nil }
            addTarget(index, before.unit, isFresh: false)
            return before.unit
        }
        guard let unit = takeData(index) else { return nil }
        addTarget(index, unit, isFresh: true)
        return unit
    }

    private mutating func addTarget(_ index: Int, _ unit: UInt32, isFresh: Bool) {
        if requests[index].targets.isEmpty { locks += 1 }
        requests[index].targets.append(unit)
        requests[index].isFresh.append(isFresh)
    }

    /// Takes a unit for data. Returns nil if there is none. Then the request fails, or waits for units that are about
    /// to become free.
    private mutating func takeData(_ index: Int) -> UInt32? {
        let disk = requests[index].request.disk
        let record = records[disk]
        if record.quota > 0, Int(record.used) + states[disk].taken >= Int(record.quota) {
            if requests[index].targets.isEmpty { requests[index].fail(.quota) }
            return nil
        }
        if available(to: disk) > 0, let unit = takeUnit(near: states[disk].hint, for: .data) {
            states[disk].hint = unit + 1
            states[disk].taken += 1
            return unit
        }
        guard requests[index].targets.isEmpty else { return nil }
        if commit.stage == .failed {
            requests[index].fail(.device)
        } else if space.isReturning || isDeleting {
            commit.isWanted = true
        } else if !commit.isRunning {
            requests[index].fail(.poolFull)
        }
        return nil
    }

    // MARK: Copying

    /// Begins a write that goes through a buffer.
    private mutating func beginCopy(_ index: Int, _ before: MapEntry, _ piece: Piece) {
        // The buffer is filled after everything before it has ended.
        sendRun(index)
        guard requests[index].outstanding == 0 else { return }
        guard let slot = takeBounce() else { return }
        guard let unit = takeData(index) else {
            cache.release(slot)
            if let error = requests[index].error { finish(index, error) }
            return
        }
        addTarget(index, unit, isFresh: true)
        requests[index].bounce = slot
        requests[index].source = before
        requests[index].stage = .copying
        requests[index].segmentSectors = piece.count
        guard before.valid & ~piece.mask != 0, !before.isNone else { return mergeCopied(index) }
        sendUnit(.read, before.unit, buffers.slot(slot), .request(index))
        requests[index].outstanding += 1
    }

    /// Merges a write into a copied unit, and writes it to its new place.
    mutating func mergeCopied(_ index: Int) {
        let disk = requests[index].request.disk
        let base = buffers.slot(requests[index].bounce)
        let source = requests[index].source
        let piece = nextPiece(index)
        let valid = source.isNone ? 0 : source.valid & ~piece.mask
        if valid != 0, records[disk].hasChecksums,
            memory.checksum(base, count: PoolLayout.unitSize) != source.check
        {
            counters.damaged += 1
            return finish(index, .damaged)
        }
        for sector in 0..<PoolLayout.sectorsPerUnit where valid >> UInt32(sector) & 1 == 0 {
            memory.clear(base + sector * PoolLayout.sectorSize, count: PoolLayout.sectorSize)
        }
        memory.copy(
            window: requests[index].request.window, piece.offset, to: base + piece.from * PoolLayout.sectorSize,
            count: piece.count * PoolLayout.sectorSize)
        if records[disk].hasChecksums {
            requests[index].check = memory.checksum(base, count: PoolLayout.unitSize)
        }
        requests[index].done += piece.count
        requests[index].stage = .writing
        sendUnit(.write, requests[index].targets[0], base, .request(index))
        requests[index].outstanding += 1
    }
}
