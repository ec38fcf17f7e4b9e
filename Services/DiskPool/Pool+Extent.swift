// Units of data that lie behind each other on the device. A large request looks up one leaf for many of them, and
// transfers them at once.
extension Pool {
    /// An entry of a map, with its place.
    struct Located {
        var entry: MapEntry
        /// nil if the map has no leaf there.
        var place: LeafPlace?
    }

    /// Returns the entry of a virtual unit of data. Fails if it names an impossible unit.
    mutating func locate(_ record: Int, _ unit: UInt64) -> Found<Located> {
        switch leaf(record, unit) {
        case .wait: return .wait
        case .failure(let error): return .failure(error)
        case .value(let place):
            let found = entry(place)
            if found.isNone || isPossible(found.unit) { return .value(Located(entry: found, place: place)) }
            counters.damaged += 1
            return .failure(.damaged)
        }
    }

    /// Returns the number of sectors from `piece` on that can go to or from the device at once: those of the piece, all
    /// of which hold data, and those of the units behind it. Such a unit is mapped by the same leaf, follows the one
    /// before it on the device, and holds data in all sectors that the request touches.
    ///
    /// - Parameters:
    ///   - count: the sectors of the request from the piece on.
    ///   - birth: the lowest epoch in which the units behind the piece may have been allocated.
    func extent(_ found: Located, _ piece: Piece, count: Int, birth: UInt32) -> Int {
        guard let place = found.place, count > piece.count else { return piece.count }
        let slot = buffers.slot(place.slot)
        var (done, unit, index) = (piece.count, found.entry.unit, place.index)
        while done < count {
            (unit, index) = (unit &+ 1, index &+ 1)
            guard index < PoolLayout.entriesPerNode, unit < buffers.units else { break }
            let sectors = min(PoolLayout.sectorsPerUnit, count &- done)
            let mask = PoolLayout.mask(0, sectors)
            guard memory.word(slot, 4 &* index) == unit, memory.word(slot, 4 &* index &+ 1) >= birth,
                memory.word(slot, 4 &* index &+ 2) & mask == mask
            else { break }
            done &+= sectors
        }
        return done
    }
}
