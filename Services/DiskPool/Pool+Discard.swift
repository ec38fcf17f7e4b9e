// Discards: the map forgets sectors, and gives back units that have no sector left.
extension Pool {
    /// The most units that one step of a discard changes.
    private static var unitsPerStep: Int { 4096 }

    mutating func discard(_ index: Int) {
        guard becomeWriter(index) else { return }
        let disk = requests[index].request.disk
        requests[index].era = era
        for _ in 0..<Self.unitsPerStep {
            guard requests[index].done < requests[index].request.count else { return finishDiscard(index) }
            let piece = nextPiece(index)
            guard !isLocked(index, piece.unit) else { return }
            switch leaf(disk, piece.unit) {
            case .wait: return
            case .failure(let error): return finish(index, error)
            case .value(nil): skipLeaf(index, piece)
            case .value(let place):
                let before = entry(place)
                guard before.valid & piece.mask == 0 || discardPiece(index, piece, before) else { return }
                requests[index].done += piece.count
            }
        }
        if requests[index].done == requests[index].request.count { return finishDiscard(index) }
        hasWork = true
    }

    private mutating func finishDiscard(_ index: Int) {
        guard requests[index].request.isDurable else { return finish(index, nil) }
        beginDurable(index)
    }

    /// Goes on behind the units that a missing leaf would map, all of which are zero.
    private mutating func skipLeaf(_ index: Int, _ piece: Piece) {
        let units = PoolLayout.entriesPerNode - Int(piece.unit) % PoolLayout.entriesPerNode
        let sectors = units * PoolLayout.sectorsPerUnit - piece.from
        requests[index].done = min(requests[index].done + sectors, requests[index].request.count)
    }

    /// Changes the entry of one unit. Returns false if the request waits or has ended.
    private mutating func discardPiece(_ index: Int, _ piece: Piece, _ before: MapEntry) -> Bool {
        let disk = requests[index].request.disk
        switch changeableLeaf(disk, piece.unit, freeing: 1, for: .discard) {
        case .wait: return false
        case .failure(let error):
            finish(index, error)
            return false
        case .value(let place):
            var after = before
            after.valid &= ~piece.mask
            change(disk, piece.unit, place, to: after.valid == 0 ? .none : after, for: .discard)
            return true
        }
    }
}
