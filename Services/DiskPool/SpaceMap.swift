/// The counts and the queues of free units. The bits themselves lie in the pool's memory.
struct SpaceMap {
    let units: UInt32
    /// The units that can be allocated now.
    var free: UInt32 = 0
    /// The units that disks have reserved and not yet used.
    var promised: UInt64 = 0
    /// Units freed since the last commit. The committed structures may still refer to them.
    var freed: [UInt32] = []
    /// Units freed before the last commit, which requests of an earlier era may still access.
    var draining: [UInt32] = []
    var drainingEra: UInt64 = 0
    /// The blocks of the map that have changed since the last commit.
    var dirty: [Bool]
    /// The blocks of the map that are damaged: their units are neither allocated nor freed.
    var damaged: [Bool]
    static let freedLimit = 16384
    /// The units that only metadata may take, so that a full pool can still delete.
    static let metadataReserve: UInt32 = 16

    init(units: UInt32) {
        self.units = units
        let blocks = PoolLayout.mapBlockCount(units: units)
        dirty = [Bool](repeating: false, count: blocks)
        damaged = [Bool](repeating: false, count: blocks)
        freed.reserveCapacity(SpaceMap.freedLimit + 4096)
    }
}

extension Pool {
    private func bitPlace(_ unit: UInt32) -> (offset: Int, mask: UInt32) {
        (Int(unit >> 5) * 4, 1 << (unit & 31))
    }

    public func isAllocated(_ unit: UInt32) -> Bool {
        let (offset, mask) = bitPlace(unit)
        return memory.load(buffers.mapBlock(0) + offset) & mask != 0
    }

    private func isBusy(_ unit: UInt32) -> Bool {
        let (offset, mask) = bitPlace(unit)
        return memory.load(buffers.busy + offset) & mask != 0
    }

    private mutating func setAllocated(_ unit: UInt32, _ value: Bool) {
        let (offset, mask) = bitPlace(unit)
        let place = buffers.mapBlock(0) + offset
        let word = memory.load(place)
        memory.store(place, value ? word | mask : word & ~mask)
        space.dirty[Int(unit) / PoolLayout.unitsPerMapBlock] = true
    }

    private mutating func setBusy(_ unit: UInt32, _ value: Bool) {
        let (offset, mask) = bitPlace(unit)
        let word = memory.load(buffers.busy + offset)
        memory.store(buffers.busy + offset, value ? word | mask : word & ~mask)
    }

    /// Finds a free unit and marks it busy: it is not allocated until `enter`. Looks at 32 units at a time.
    mutating func takeUnit(near hint: UInt32, forMetadata: Bool) -> UInt32? {
        guard space.free > (forMetadata ? 0 : SpaceMap.metadataReserve) else { return nil }
        let words = (Int(space.units) + 31) / 32
        var index = Int(min(hint, space.units - 1)) / 32
        for _ in 0...words {
            let used = memory.load(buffers.mapBlock(0) + 4 * index) | memory.load(buffers.busy + 4 * index)
            if used != ~0 {
                var bits = ~used
                if index == Int(hint) / 32 {
                    let after = bits & (~0 << (hint & 31))
                    if after != 0 { bits = after }
                }
                let unit = UInt32(index * 32 + bits.trailingZeroBitCount)
                if unit < space.units {
                    setBusy(unit, true)
                    space.free -= 1
                    return unit
                }
            }
            index = index + 1 < words ? index + 1 : 0
        }
        return nil
    }

    /// Gives back a unit that was taken and not entered.
    mutating func untake(_ unit: UInt32) {
        setBusy(unit, false)
        space.free += 1
    }

    /// Allocates a unit that was taken: a structure now refers to it.
    mutating func enter(_ unit: UInt32) {
        setBusy(unit, false)
        setAllocated(unit, true)
    }

    /// Frees a unit. It can be allocated again after the next commit.
    mutating func free(_ unit: UInt32) {
        // The unit may become another node, so the cache must forget this one.
        cache.forget(unit)
        if space.damaged[Int(unit) / PoolLayout.unitsPerMapBlock] { return }
        setAllocated(unit, false)
        setBusy(unit, true)
        space.freed.append(unit)
    }

    /// Frees a node that was allocated since the last commit, so that nothing committed refers to it.
    mutating func freeAtOnce(_ unit: UInt32) {
        setAllocated(unit, false)
        space.free += 1
    }

    /// Returns the number of free units beyond what others have reserved, for a disk with this record.
    func available(to record: Int) -> UInt64 {
        let own = UInt64(unusedReservation(record))
        let others = space.promised - min(space.promised, own)
        return UInt64(space.free) - min(UInt64(space.free), others)
    }

    func unusedReservation(_ record: Int) -> UInt32 {
        records[record].reserved - min(records[record].reserved, records[record].used)
    }

    /// Changes the charge of a disk's account.
    mutating func charge(_ record: Int, _ difference: Int) {
        let account = account(of: record)
        let before = unusedReservation(account)
        let used = Int(records[account].used) + difference
        records[account].used = UInt32(max(used, 0))
        let after = unusedReservation(account)
        space.promised = space.promised + UInt64(after) - UInt64(before)
        states[account].isDirty = true
    }

    /// Returns the record that pays for a snapshot: the disk that it belongs to, or its newest relative.
    func account(of record: Int) -> Int {
        var current = record
        for _ in records.indices {
            guard let next = successor(of: current) else { return current }
            current = next
        }
        return current
    }

    /// Returns the disk or snapshot that follows a snapshot in the life of one disk.
    func successor(of record: Int) -> Int? {
        guard records[record].kind == .snapshot else { return nil }
        return records.indices.first { !records[$0].isFree && records[$0].previousIndex == record && !records[$0].isClone }
    }

    func clones(of record: Int) -> Int {
        records.indices.count { !records[$0].isFree && records[$0].previousIndex == record && records[$0].isClone }
    }
}
