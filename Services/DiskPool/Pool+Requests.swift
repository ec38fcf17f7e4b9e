// Requests of clients. Each is advanced until it has to wait: for the device, for a node, for a lock or for a commit.
extension Pool {
    /// Accepts a request. Returns false if there is no room for it; the client then tries again later.
    public mutating func submit(_ request: PoolRequest) -> Bool {
        guard isMounted, let index = requests.firstIndex(where: { !$0.isActive }),
            answers.room > requests.count(where: { $0.isActive })
        else { return false }
        order += 1
        requests[index] = Request()
        requests[index].request = request
        requests[index].order = order
        requests[index].era = era
        requests[index].stage = isControl(request.operation) ? .control(.begin) : .lookup
        advanceAll()
        return true
    }

    private func isControl(_ operation: PoolRequest.Operation) -> Bool {
        switch operation {
        case .read, .write, .discard, .flush: false
        default: true
        }
    }

    mutating func finish(_ index: Int, _ error: PoolError?) {
        let request = requests[index]
        if request.bounce >= 0 { cache.release(request.bounce) }
        for (target, isFresh) in zip(request.targets, request.isFresh) where isFresh {
            untake(target)
            states[request.request.disk].taken -= 1
        }
        if request.isWriter { states[request.request.disk].writers -= 1 }
        answers.append(PoolAnswer(id: request.request.id, error: error, record: request.result))
        requests[index] = Request()
        drain()
    }

    /// Continues one request, none of whose device requests is under way.
    mutating func advance(_ index: Int) {
        if let error = requests[index].error, requests[index].stage != .idle {
            if case .control = requests[index].stage {} else { return finish(index, error) }
        }
        switch requests[index].stage {
        case .idle: return
        case .lookup:
            switch requests[index].request.operation {
            case .read: read(index)
            case .write: write(index)
            case .discard: discard(index)
            default: flush(index)
            }
        case .writing:
            requests[index].stage = .publishing
            publish(index)
        case .publishing: publish(index)
        case .copying:
            if requests[index].request.operation == .read { readCopied(index) } else { mergeCopied(index) }
        case .flushing: finish(index, nil)
        case .control(let step): control(index, step)
        }
    }

    /// Returns the request's disk if the range is inside of it; otherwise answers the request.
    private mutating func check(_ index: Int) -> Bool {
        let request = requests[index].request
        guard records.indices.contains(request.disk), !records[request.disk].isFree,
            records[request.disk].state == .live
        else {
            finish(index, .noSuchDisk)
            return false
        }
        guard records[request.disk].kind == .disk || request.operation == .read || request.operation == .flush else {
            finish(index, .isSnapshot)
            return false
        }
        guard !states[request.disk].isDamaged else {
            finish(index, .damaged)
            return false
        }
        let sectors = records[request.disk].sectors
        guard request.count >= 0, request.sector <= sectors, UInt64(request.count) <= sectors - request.sector else {
            finish(index, .outOfRange)
            return false
        }
        return true
    }

    /// The part of the next unit that the request touches.
    private func nextPiece(_ index: Int) -> (unit: UInt64, from: Int, count: Int) {
        let request = requests[index]
        let sector = request.request.sector + UInt64(request.done)
        let from = Int(sector % UInt64(PoolLayout.sectorsPerUnit))
        let count = min(PoolLayout.sectorsPerUnit - from, request.request.count - request.done)
        return (sector / UInt64(PoolLayout.sectorsPerUnit), from, count)
    }

    static func mask(_ from: Int, _ count: Int) -> UInt32 {
        count >= 32 ? ~0 : ((1 << UInt32(count)) - 1) << UInt32(from)
    }

    // MARK: Device requests that continue each other

    private mutating func transfer(_ index: Int, _ kind: DeviceRequest.Kind, _ sector: UInt64, _ count: Int, _ offset: Int) {
        let run = requests[index].run
        if run.count > 0, run.kind == kind, run.sector + UInt64(run.count) == sector,
            run.offset + run.count * PoolLayout.sectorSize == offset
        {
            requests[index].run.count += count
            return
        }
        sendRun(index)
        requests[index].run = Request.Run(kind: kind, sector: sector, count: count, offset: offset)
    }

    private mutating func sendRun(_ index: Int) {
        let run = requests[index].run
        guard run.count > 0 else { return }
        send(run.kind, run.sector, run.count, .window(requests[index].request.window, offset: run.offset), .request(index))
        requests[index].outstanding += 1
        requests[index].run.count = 0
    }

    // MARK: Reading

    private mutating func read(_ index: Int) {
        if requests[index].done == 0, !check(index) { return }
        let disk = requests[index].request.disk
        if requests[index].outstanding == 0 { requests[index].era = era }
        while requests[index].done < requests[index].request.count {
            guard outbox.room > 40 else { return sendRun(index) }
            let piece = nextPiece(index)
            let entry: MapEntry
            switch leaf(disk, piece.unit) {
            case .wait: return sendRun(index)
            case .failure(let error):
                sendRun(index)
                requests[index].fail(error)
                if requests[index].outstanding == 0 { finish(index, error) }
                return
            case .value(nil): entry = .none
            case .value(let place?): entry = self.entry(place.slot, place.index)
            }
            let offset = requests[index].request.offset + requests[index].done * PoolLayout.sectorSize
            if records[disk].hasChecksums, !entry.isNone, entry.valid & Self.mask(piece.from, piece.count) != 0 {
                sendRun(index)
                // One unit at a time is verified, after everything before it has ended.
                guard requests[index].outstanding == 0 else { return }
                return beginCopy(index, entry)
            }
            readPiece(index, entry, piece.from, piece.count, offset)
            requests[index].done += piece.count
        }
        sendRun(index)
        if requests[index].outstanding == 0 { finish(index, requests[index].error) }
    }

    private mutating func readPiece(_ index: Int, _ entry: MapEntry, _ from: Int, _ count: Int, _ offset: Int) {
        var at = from
        let window = requests[index].request.window
        while at < from + count {
            let isValid = !entry.isNone && entry.valid >> UInt32(at) & 1 != 0
            var end = at + 1
            while end < from + count, (!entry.isNone && entry.valid >> UInt32(end) & 1 != 0) == isValid { end += 1 }
            let place = offset + (at - from) * PoolLayout.sectorSize
            if isValid {
                let sector = UInt64(entry.unit) * UInt64(PoolLayout.sectorsPerUnit) + UInt64(at)
                transfer(index, .read, sector, end - at, place)
            } else {
                memory.clear(window: window, place, count: (end - at) * PoolLayout.sectorSize)
            }
            at = end
        }
    }

    /// Reads a whole unit into a buffer.
    private mutating func beginCopy(_ index: Int, _ entry: MapEntry) {
        guard outbox.room > 1, cache.bounceCount < cache.count / 4, let slot = cache.take(0, as: .bounce) else { return }
        requests[index].bounce = slot
        requests[index].source = entry
        requests[index].stage = .copying
        send(
            .read, UInt64(entry.unit) * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit,
            .buffer(buffers.slot(slot)), .request(index))
        requests[index].outstanding += 1
    }

    private mutating func readCopied(_ index: Int) {
        let slot = requests[index].bounce
        let entry = requests[index].source
        guard memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize) == entry.check else {
            damage += 1
            return finish(index, .damaged)
        }
        let piece = nextPiece(index)
        let offset = requests[index].request.offset + requests[index].done * PoolLayout.sectorSize
        let window = requests[index].request.window
        for sector in 0..<piece.count {
            let place = offset + sector * PoolLayout.sectorSize
            let source = buffers.slot(slot) + (piece.from + sector) * PoolLayout.sectorSize
            if entry.valid >> UInt32(piece.from + sector) & 1 != 0 {
                memory.copy(source, toWindow: window, place, count: PoolLayout.sectorSize)
            } else {
                memory.clear(window: window, place, count: PoolLayout.sectorSize)
            }
        }
        cache.release(slot)
        requests[index].bounce = -1
        requests[index].done += piece.count
        requests[index].stage = .lookup
        read(index)
    }

    // MARK: Writing

    /// Returns true if the request may begin to change its disk.
    private mutating func becomeWriter(_ index: Int) -> Bool {
        if requests[index].isWriter { return true }
        let disk = requests[index].request.disk
        guard check(index) else { return false }
        guard !isBroken else {
            finish(index, .broken)
            return false
        }
        guard states[disk].barrier < 0 else { return false }
        requests[index].isWriter = true
        states[disk].writers += 1
        return true
    }

    private func isLocked(_ index: Int, _ unit: UInt64) -> Bool {
        requests.indices.contains(where: {
            $0 != index && requests[$0].isActive && requests[$0].locks(requests[index].request.disk, unit, unit)
        })
    }

    private mutating func write(_ index: Int) {
        guard becomeWriter(index) else { return }
        let disk = requests[index].request.disk
        if requests[index].outstanding == 0 { requests[index].era = era }
        while requests[index].done < requests[index].request.count {
            guard outbox.room > 40 else { return sendRun(index) }
            let piece = nextPiece(index)
            let written = Self.mask(piece.from, piece.count)
            let found: (slot: Int, index: Int)?
            switch leaf(disk, piece.unit) {
            case .wait: return sendRun(index)
            case .failure(let error):
                sendRun(index)
                requests[index].fail(error)
                if requests[index].outstanding == 0 { finish(index, error) }
                return
            case .value(let place): found = place
            }
            guard !isLocked(index, piece.unit) else { return sendRun(index) }
            let entry = found.map { self.entry($0.slot, $0.index) } ?? .none
            let isOwn = entry.birth > records[disk].sharedEpoch
            let offset = requests[index].request.offset + requests[index].done * PoolLayout.sectorSize
            if isOwn, !entry.isNone, entry.valid & written == written, !records[disk].hasChecksums {
                let sector = UInt64(entry.unit) * UInt64(PoolLayout.sectorsPerUnit) + UInt64(piece.from)
                transfer(index, .write, sector, piece.count, offset)
                requests[index].done += piece.count
                continue
            }
            return beginSegment(index, piece.unit)
        }
        sendRun(index)
        if requests[index].outstanding == 0 { finish(index, requests[index].error) }
    }

    /// Begins to write units whose map entries change. Takes as many as one leaf maps and need no copy, or one that
    /// needs a copy.
    private mutating func beginSegment(_ index: Int, _ first: UInt64) {
        let disk = requests[index].request.disk
        requests[index].first = first
        requests[index].segmentSectors = 0
        let start = requests[index].done
        while requests[index].done < requests[index].request.count, requests[index].targets.count < 64 {
            let piece = nextPiece(index)
            guard piece.unit >> 10 == first >> 10, !isLocked(index, piece.unit) else { break }
            guard case .value(let found) = leaf(disk, piece.unit) else { break }
            let written = Self.mask(piece.from, piece.count)
            let entry = found.map { self.entry($0.slot, $0.index) } ?? .none
            let isOwn = entry.birth > records[disk].sharedEpoch
            let isCopied = records[disk].hasChecksums || !entry.isNone && !isOwn && entry.valid & ~written != 0
            if isCopied {
                if requests[index].targets.isEmpty { return beginCopiedWrite(index, entry) }
                break
            }
            if !entry.isNone, isOwn {
                // A unit that is complete needs no segment; it ends this one.
                if entry.valid & written == written { break }
                requests[index].targets.append(entry.unit)
                requests[index].isFresh.append(false)
            } else {
                guard let unit = takeData(index) else { break }
                requests[index].targets.append(unit)
                requests[index].isFresh.append(true)
            }
            let target = requests[index].targets[requests[index].targets.count - 1]
            let offset = requests[index].request.offset + requests[index].done * PoolLayout.sectorSize
            transfer(index, .write, UInt64(target) * UInt64(PoolLayout.sectorsPerUnit) + UInt64(piece.from), piece.count, offset)
            requests[index].done += piece.count
        }
        sendRun(index)
        requests[index].segmentSectors = requests[index].done - start
        if requests[index].targets.isEmpty {
            if let error = requests[index].error, requests[index].outstanding == 0 { finish(index, error) }
            return
        }
        requests[index].stage = .writing
    }

    /// Takes a unit for data. Returns nil if there is none: then the request fails, or waits for a commit that frees
    /// some.
    private mutating func takeData(_ index: Int) -> UInt32? {
        let disk = requests[index].request.disk
        let account = account(of: disk)
        let record = records[account]
        if record.quota > 0, Int(record.used) + states[account].taken >= Int(record.quota) {
            if requests[index].targets.isEmpty { requests[index].fail(.quota) }
            return nil
        }
        if available(to: account) > UInt64(states[account].taken), let unit = takeUnit(near: states[disk].hint, forMetadata: false) {
            states[disk].hint = unit + 1
            states[disk].taken += 1
            return unit
        }
        guard requests[index].targets.isEmpty else { return nil }
        if !space.freed.isEmpty || commit.isRunning {
            commit.isWanted = true
        } else if space.draining.isEmpty {
            requests[index].fail(.poolFull)
        }
        return nil
    }

    private mutating func beginCopiedWrite(_ index: Int, _ entry: MapEntry) {
        // The buffer is filled after everything before it has ended.
        sendRun(index)
        guard requests[index].outstanding == 0 else { return }
        guard cache.bounceCount < cache.count / 4, outbox.room > 1 else { return }
        guard let unit = takeData(index) else {
            if let error = requests[index].error { finish(index, error) }
            return
        }
        let piece = nextPiece(index)
        let isNeeded = !entry.isNone && entry.valid & ~Self.mask(piece.from, piece.count) != 0
        guard let slot = cache.take(0, as: .bounce) else {
            untake(unit)
            states[requests[index].request.disk].taken -= 1
            return
        }
        requests[index].targets.append(unit)
        requests[index].isFresh.append(true)
        requests[index].bounce = slot
        requests[index].source = entry
        requests[index].stage = .copying
        requests[index].segmentSectors = piece.count
        guard isNeeded else {
            memory.clear(buffers.slot(slot), count: PoolLayout.unitSize)
            return mergeCopied(index)
        }
        send(
            .read, UInt64(entry.unit) * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit,
            .buffer(buffers.slot(slot)), .request(index))
        requests[index].outstanding += 1
    }

    /// Merges a write into a copied unit, and writes it to its new place.
    private mutating func mergeCopied(_ index: Int) {
        let disk = requests[index].request.disk
        let slot = requests[index].bounce
        let source = requests[index].source
        let piece = nextPiece(index)
        let written = Self.mask(piece.from, piece.count)
        let wasRead = !source.isNone && source.valid & ~written != 0
        if wasRead, records[disk].hasChecksums,
            memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize) != source.check
        {
            damage += 1
            return finish(index, .damaged)
        }
        let base = buffers.slot(slot)
        for sector in 0..<PoolLayout.sectorsPerUnit where source.isNone || source.valid >> UInt32(sector) & 1 == 0 {
            memory.clear(base + sector * PoolLayout.sectorSize, count: PoolLayout.sectorSize)
        }
        memory.copy(
            window: requests[index].request.window,
            requests[index].request.offset + requests[index].done * PoolLayout.sectorSize,
            to: base + piece.from * PoolLayout.sectorSize, count: piece.count * PoolLayout.sectorSize)
        requests[index].check = records[disk].hasChecksums ? memory.checksum(base, count: PoolLayout.unitSize) : 0
        requests[index].done += piece.count
        requests[index].stage = .writing
        send(
            .write, UInt64(requests[index].targets[0]) * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit,
            .buffer(base), .request(index))
        requests[index].outstanding += 1
    }

    /// Enters the units of a segment into the map.
    private mutating func publish(_ index: Int) {
        let disk = requests[index].request.disk
        guard !isBroken else { return finish(index, .broken) }
        guard canChange(freeing: 64) else { return }
        // All units of a segment have one leaf.
        let leaf: (slot: Int, index: Int)
        switch writableLeaf(disk, requests[index].first) {
        case .wait: return
        case .failure(let error): return finish(index, error)
        case .value(let found): leaf = found
        }
        let start = requests[index].done - requests[index].segmentSectors
        var sector = requests[index].request.sector + UInt64(start)
        let end = requests[index].request.sector + UInt64(requests[index].done)
        for position in requests[index].targets.indices {
            let from = Int(sector % UInt64(PoolLayout.sectorsPerUnit))
            let count = min(UInt64(PoolLayout.sectorsPerUnit - from), end - sector)
            let written = Self.mask(from, Int(count))
            sector += count
            let target = requests[index].targets[position]
            let before = entry(leaf.slot, leaf.index + position)
            var after = before
            after.valid |= written
            if target != before.unit {
                enter(target)
                states[disk].taken -= 1
                requests[index].isFresh[position] = false
                charge(disk, 1)
                after.unit = target
                after.birth = superblock.epoch
                if before.isNone { after.valid = written }
                if requests[index].bounce < 0 { after.valid = written }
                if !before.isNone { release(disk, before) }
            }
            if requests[index].bounce >= 0 { after.check = requests[index].check }
            setEntry(leaf.slot, leaf.index + position, after)
        }
        if requests[index].bounce >= 0 { cache.release(requests[index].bounce) }
        requests[index].bounce = -1
        requests[index].targets.removeAll(keepingCapacity: true)
        requests[index].isFresh.removeAll(keepingCapacity: true)
        requests[index].stage = .lookup
        write(index)
    }

    // MARK: Discarding

    private mutating func discard(_ index: Int) {
        guard becomeWriter(index) else { return }
        let disk = requests[index].request.disk
        requests[index].era = era
        var steps = 0
        while requests[index].done < requests[index].request.count {
            let piece = nextPiece(index)
            guard !isLocked(index, piece.unit) else { return }
            switch leaf(disk, piece.unit) {
            case .wait: return
            case .failure(let error): return finish(index, error)
            case .value(nil):
                // No leaf: everything that it would map is zero.
                let rest = (1024 - Int(piece.unit & 1023)) * PoolLayout.sectorsPerUnit - piece.from
                requests[index].done = min(requests[index].done + rest, requests[index].request.count)
                continue
            case .value(let place?):
                let entry = self.entry(place.slot, place.index)
                let discarded = Self.mask(piece.from, piece.count)
                if !entry.isNone, entry.valid & discarded != 0 {
                    guard canChange() else { return }
                    guard case .value(let leaf) = writableLeaf(disk, piece.unit) else {
                        return finish(index, .poolFull)
                    }
                    var after = entry
                    after.valid &= ~discarded
                    if after.valid == 0 {
                        release(disk, entry)
                        after = .none
                    }
                    setEntry(leaf.slot, leaf.index, after)
                }
                requests[index].done += piece.count
            }
            steps += 1
            if steps > 4096 { return }
        }
        finish(index, nil)
    }

    // MARK: Flushing

    /// Waits for everything that the disk has accepted before, then writes what has changed.
    private mutating func flush(_ index: Int) {
        guard check(index) else { return }
        let order = requests[index].order
        let disk = requests[index].request.disk
        let mustWait = requests.indices.contains(where: {
            requests[$0].isActive && requests[$0].isWriter && requests[$0].order < order
                && requests[$0].request.disk == disk
        })
        if mustWait { return }
        // A request that has not become a writer yet, because of a barrier or a lock, counts as well.
        let waits = requests.indices.contains(where: {
            $0 != index && requests[$0].isActive && requests[$0].order < order && requests[$0].request.disk == disk
                && (requests[$0].request.operation == .write || requests[$0].request.operation == .discard)
        })
        if waits { return }
        guard !isBroken else { return finish(index, .broken) }
        if commit.isRunning { return }
        if isDirty {
            commit.isWanted = true
            return
        }
        guard outbox.room > 1 else { return }
        requests[index].stage = .flushing
        requests[index].outstanding += 1
        send(.flush, 0, 0, .buffer(0), .request(index))
    }
}
