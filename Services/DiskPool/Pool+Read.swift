// Reads. Sectors go from the device to the client's window. A unit with a checksum is verified in the window if the
// request reads all of it, and otherwise in a buffer.
extension Pool {
    mutating func read(_ index: Int) {
        let request = requests[index]
        if request.done == 0, !check(index) { return }
        let disk = request.request.disk
        let hasChecksums = records[disk].hasChecksums
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
            let valid = found.entry.isNone ? 0 : found.entry.valid & piece.mask
            if hasChecksums, valid != 0 {
                sendRun(index)
                // One unit at a time is verified, after everything before it has ended.
                guard request.outstanding == 0 else { return }
                return readChecked(index, found.entry, piece)
            }
            guard valid == piece.mask else {
                readPiece(index, found.entry, piece)
                request.done += piece.count
                continue
            }
            let count = extent(found, piece, count: request.request.count - request.done, birth: 0)
            let sector = PoolLayout.firstSector(of: found.entry.unit) + UInt64(piece.from)
            transfer(index, .read, sector, count, piece.offset)
            request.done += count
        }
        sendRun(index)
        if request.outstanding == 0 { finish(index, request.error) }
    }

    /// Reads the sectors of a unit that hold data, and clears the others in the window.
    private mutating func readPiece(_ index: Int, _ entry: MapEntry, _ piece: Piece) {
        let valid = entry.isNone ? 0 : entry.valid
        var at = piece.from
        while at < piece.from + piece.count {
            let isValid = valid >> UInt32(at) & 1 != 0
            var end = at + 1
            while end < piece.from + piece.count, (valid >> UInt32(end) & 1 != 0) == isValid { end += 1 }
            let offset = piece.offset + (at - piece.from) * PoolLayout.sectorSize
            if isValid {
                transfer(index, .read, PoolLayout.firstSector(of: entry.unit) + UInt64(at), end - at, offset)
            } else {
                memory.clear(
                    window: requests[index].request.window, offset, count: (end - at) * PoolLayout.sectorSize)
            }
            at = end
        }
    }

    /// Begins to read a unit with a checksum.
    private mutating func readChecked(_ index: Int, _ entry: MapEntry, _ piece: Piece) {
        if piece.isWhole, entry.valid == ~0 {
            requests[index].source = entry
            requests[index].stage = .verifying
            let sector = PoolLayout.firstSector(of: entry.unit)
            transfer(index, .read, sector, PoolLayout.sectorsPerUnit, piece.offset)
            return sendRun(index)
        }
        guard let slot = takeBounce() else { return }
        requests[index].bounce = slot
        requests[index].source = entry
        requests[index].stage = .copying
        sendUnit(.read, entry.unit, buffers.slot(slot), .request(index))
        requests[index].outstanding += 1
    }

    /// Takes a slot for a copy. At most a quarter of the slots serves as copies, so that nodes have room.
    mutating func takeBounce() -> Int? {
        guard cache.bounceCount < cache.count / 4, let slot = cache.take(0, as: .bounce) else { return nil }
        return slot
    }

    /// Verifies a unit in the client's window.
    mutating func readVerified(_ index: Int) {
        let piece = nextPiece(index)
        let check = memory.checksum(
            window: requests[index].request.window, piece.offset, count: PoolLayout.unitSize)
        guard check == requests[index].source.check else {
            counters.damaged += 1
            return finish(index, .damaged)
        }
        continueReading(index, piece)
    }

    /// Verifies a unit in its buffer, and copies what the client wants.
    mutating func readCopied(_ index: Int) {
        let slot = requests[index].bounce
        let source = requests[index].source
        guard memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize) == source.check else {
            counters.damaged += 1
            return finish(index, .damaged)
        }
        let piece = nextPiece(index)
        let window = requests[index].request.window
        for sector in 0..<piece.count {
            let offset = piece.offset + sector * PoolLayout.sectorSize
            let place = buffers.slot(slot) + (piece.from + sector) * PoolLayout.sectorSize
            if source.valid >> UInt32(piece.from + sector) & 1 != 0 {
                memory.copy(place, toWindow: window, offset, count: PoolLayout.sectorSize)
            } else {
                memory.clear(window: window, offset, count: PoolLayout.sectorSize)
            }
        }
        cache.release(slot)
        requests[index].bounce = -1
        hasReleased = true
        continueReading(index, piece)
    }

    private mutating func continueReading(_ index: Int, _ piece: Piece) {
        requests[index].done += piece.count
        requests[index].stage = .lookup
        read(index)
    }
}
