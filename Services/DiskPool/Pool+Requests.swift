// Requests of clients. Each is advanced until it has to wait: for the device, for a node, for a lock or for a commit.
extension Pool {
    /// Accepts a request. Returns false if there is no room for it. The client then tries again later.
    public mutating func submit(_ request: PoolRequest) -> Bool {
        guard isMounted, answers.room > requests.count - idle.count, let index = idle.popLast() else { return false }
        order += 1
        let entry = requests[index]
        (entry.request, entry.order, entry.era) = (request, order, era)
        switch request.operation {
        case .read, .write, .discard, .flush: entry.stage = .lookup
        default: entry.stage = .control(.begin)
        }
        if entry.isChange, records.indices.contains(request.disk) { states[request.disk].changes += 1 }
        continueRequest(index)
        advanceAll()
        return true
    }

    /// Answers a request, and gives back everything that it holds.
    mutating func finish(_ index: Int, _ error: PoolError?) {
        let request = requests[index]
        let disk = request.request.disk
        if request.bounce >= 0 { cache.release(request.bounce) }
        for position in request.targets.indices where request.isFresh[position] {
            untake(request.targets[position])
            states[disk].taken -= 1
        }
        if !request.targets.isEmpty { locks -= 1 }
        if request.isWriter { states[disk].writers -= 1 }
        if request.isChange, states.indices.contains(disk) { states[disk].changes -= 1 }
        answers.append(PoolAnswer(id: request.request.id, error: error, record: request.result))
        request.reset()
        idle.append(index)
        hasReleased = true
    }

    /// Continues one request, none of whose device requests is under way.
    mutating func advance(_ index: Int) {
        let request = requests[index]
        if let error = request.error { return finish(index, error) }
        switch request.stage {
        case .idle: return
        case .lookup: lookUp(index)
        case .writing:
            request.stage = .publishing
            publish(index)
        case .publishing: publish(index)
        case .copying: request.request.operation == .read ? readCopied(index) : mergeCopied(index)
        case .verifying: readVerified(index)
        case .durable: makeDurable(index)
        case .flushing: finish(index, nil)
        case .control(let step): control(index, step)
        }
    }

    mutating func lookUp(_ index: Int) {
        switch requests[index].request.operation {
        case .read: read(index)
        case .write: write(index)
        case .discard: discard(index)
        default: flush(index)
        }
    }

    /// Returns true if the request's disk exists and its range lies inside. Otherwise answers the request.
    mutating func check(_ index: Int) -> Bool {
        let request = requests[index]
        let (disk, sector, count) = (request.request.disk, request.request.sector, request.request.count)
        if let error = refusal(disk, isChange: request.isChange) {
            finish(index, error)
            return false
        }
        let sectors = records[disk].sectors
        guard count >= 0, sector <= sectors, UInt64(count) <= sectors - sector else {
            finish(index, .outOfRange)
            return false
        }
        return true
    }

    @inline(__always)
    private func refusal(_ disk: Int, isChange: Bool) -> PoolError? {
        guard records.indices.contains(disk) else { return .noSuchDisk }
        if states[disk].isDamaged { return .damaged }
        guard !records[disk].isFree, records[disk].state == .live else { return .noSuchDisk }
        if isChange, readOnlyReason != nil { return .readOnly }
        if isChange, records[disk].kind != .disk { return .isSnapshot }
        return nil
    }

    /// Returns true if the request may begin to change its disk.
    mutating func becomeWriter(_ index: Int) -> Bool {
        if requests[index].isWriter { return true }
        guard check(index) else { return false }
        let disk = requests[index].request.disk
        guard states[disk].barrier < 0 else { return false }
        requests[index].isWriter = true
        states[disk].writers += 1
        return true
    }

    /// Returns whether another request has locked a virtual unit of the same disk.
    func isLocked(_ index: Int, _ unit: UInt64) -> Bool {
        guard locks > (requests[index].targets.isEmpty ? 0 : 1) else { return false }
        let disk = requests[index].request.disk
        return requests.indices.contains { $0 != index && requests[$0].locks(disk, unit) }
    }

    // MARK: Pieces of a request

    /// The part of a unit that a request touches.
    struct Piece {
        /// The virtual unit.
        var unit: UInt64
        /// The first sector in the unit.
        var from: Int
        /// The number of sectors.
        var count: Int
        /// The offset in the client's window.
        var offset: Int

        var mask: UInt32 { PoolLayout.mask(from, count) }
        var isWhole: Bool { count == PoolLayout.sectorsPerUnit }
    }

    /// Returns the next part of a request that lies in one unit.
    func nextPiece(_ index: Int) -> Piece {
        let request = requests[index]
        let done = request.done
        let sector = request.request.sector + UInt64(done)
        let from = Int(sector % UInt64(PoolLayout.sectorsPerUnit))
        let count = min(PoolLayout.sectorsPerUnit - from, request.request.count - done)
        return Piece(
            unit: sector / UInt64(PoolLayout.sectorsPerUnit), from: from, count: count,
            offset: request.request.offset + done * PoolLayout.sectorSize)
    }

    /// Adds a transfer to the request's run, after sending the run if the transfer does not continue it.
    mutating func transfer(
        _ index: Int, _ kind: DeviceRequest.Kind, _ sector: UInt64, _ count: Int, _ offset: Int
    ) {
        let request = requests[index]
        let run = request.run
        if run.count > 0, run.kind == kind, run.sector + UInt64(run.count) == sector,
            run.offset + run.count * PoolLayout.sectorSize == offset
        {
            request.run.count += count
            return
        }
        sendRun(index)
        request.run = Request.Run(kind: kind, sector: sector, count: count, offset: offset)
    }

    /// Sends the request's run to the device.
    mutating func sendRun(_ index: Int) {
        let request = requests[index]
        let run = request.run
        guard run.count > 0 else { return }
        let place = DeviceRequest.Place.window(request.request.window, offset: run.offset)
        send(run.kind, run.sector, run.count, place, .request(index))
        request.outstanding += 1
        request.run.count = 0
    }

    /// Fails a request after its device requests have ended.
    mutating func fail(_ index: Int, _ error: PoolError) {
        sendRun(index)
        requests[index].fail(error)
        if requests[index].outstanding == 0 { finish(index, error) }
    }
}
