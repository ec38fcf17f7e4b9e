// Control operations. Each takes effect as a whole with one commit, or not at all.
extension Pool {
    mutating func control(_ index: Int, _ step: Request.ControlStep) {
        guard readOnlyReason == nil else { return finishControl(index, .readOnly) }
        guard commit.stage != .failed else { return finishControl(index, .device) }
        switch step {
        case .begin: beginControl(index)
        case .quiet:
            guard states[requests[index].request.disk].writers == 0 else { return }
            // A snapshot shares the nodes of its disk, so none of them may change any more.
            let step = Request.ControlStep.clean(commit: commit.finished + (isDirty ? 1 : 0))
            requests[index].stage = .control(step)
            control(index, step)
        case .clean(let number):
            guard commit.finished >= number, !commit.isRunning else {
                if !commit.isRunning { commit.isWanted = true }
                return
            }
            performControl(index)
        case .committed(let number):
            guard commit.finished >= number else { return }
            finishControl(index, nil)
        }
    }

    private mutating func finishControl(_ index: Int, _ error: PoolError?) {
        let disk = requests[index].request.disk
        if states.indices.contains(disk), states[disk].barrier == index { states[disk].barrier = -1 }
        finish(index, error)
    }

    private mutating func beginControl(_ index: Int) {
        let disk = requests[index].request.disk
        switch requests[index].request.operation {
        case .create:
            requests[index].stage = .control(.clean(commit: 0))
            return control(index, .clean(commit: 0))
        case .commit:
            guard isDirty else { return finishControl(index, nil) }
            requests[index].stage = .control(.committed(commit: commit.finished + 1))
            if !commit.isRunning { commit.isWanted = true }
            return
        default: break
        }
        guard records.indices.contains(disk) else { return finishControl(index, .noSuchDisk) }
        guard !states[disk].isDamaged else { return finishControl(index, .damaged) }
        guard !records[disk].isFree, records[disk].state == .live else { return finishControl(index, .noSuchDisk) }
        guard states[disk].barrier < 0 else { return }
        states[disk].barrier = index
        requests[index].stage = .control(.quiet)
        control(index, .quiet)
    }

    /// Changes the records, and begins the commit at once, so that no other change gets between them.
    private mutating func performControl(_ index: Int) {
        // Another control operation that ended with the same commit went first.
        if isDirty, requests[index].request.operation.needsCleanDisk {
            requests[index].stage = .control(.clean(commit: commit.finished + 1))
            commit.isWanted = true
            return
        }
        if let error = perform(index) { return finishControl(index, error) }
        guard isDirty else { return finishControl(index, nil) }
        commit.isWanted = true
        requests[index].stage = .control(.committed(commit: commit.finished + 1))
        _ = startCommitIfWanted()
    }

    /// Changes the records.
    private mutating func perform(_ index: Int) -> PoolError? {
        let disk = requests[index].request.disk
        switch requests[index].request.operation {
        case .read, .write, .discard, .flush, .commit: return nil
        case .create(let options):
            var record = DiskRecord()
            record.height = UInt32(PoolLayout.height(sectors: options.sectors))
            return make(index, options, record)
        case .snapshot(let name): return snapshot(index, disk, name)
        case .clone(let options): return clone(index, disk, options)
        case .delete: return delete(disk)
        case .rename(let name):
            guard !name.isEmpty else { return .badName }
            guard self.index(of: name) == nil || self.index(of: name) == disk else { return .exists }
            records[disk].name = name
            touch(disk)
            return nil
        case .grow(let sectors):
            guard records[disk].kind == .disk else { return .isSnapshot }
            return grow(disk, sectors)
        case .limit(let quota, let reserved): return limit(disk, quota, reserved)
        }
    }

    private var freeRecord: Int? { records.indices.first { records[$0].isFree && !states[$0].isDamaged } }

    /// Returns whether so many units more can be reserved.
    private func canReserve(_ units: UInt32) -> Bool {
        UInt64(units) + space.promised + UInt64(SpaceMap.Use.data.reserve) <= UInt64(space.free)
    }

    /// Makes a disk from options and a record with its contents.
    private mutating func make(_ index: Int, _ options: DiskOptions, _ contents: DiskRecord) -> PoolError? {
        guard !options.name.isEmpty else { return .badName }
        guard self.index(of: options.name) == nil else { return .exists }
        guard options.sectors > 0, options.sectors <= PoolLayout.coverage(height: PoolLayout.maximumHeight) else {
            return .tooLarge
        }
        guard canReserve(options.reserved) else { return .poolFull }
        guard let free = freeRecord else { return .noRecord }
        var record = contents
        record.kind = .disk
        record.name = options.name
        record.sectors = options.sectors
        if !record.isClone { record.hasChecksums = options.hasChecksums }
        record.quota = options.quota
        record.reserved = options.reserved
        enterRecord(record, at: free)
        space.promised += UInt64(options.reserved)
        requests[index].result = free
        return nil
    }

    private mutating func enterRecord(_ record: DiskRecord, at index: Int) {
        records[index] = record
        records[index].id = superblock.nextID
        superblock.nextID &+= 1
        states[index] = DiskState()
        touch(index)
    }

    private mutating func delete(_ disk: Int) -> PoolError? {
        guard !hasDamagedRecord else { return .damaged }
        guard clones(of: disk) == 0 else { return .neededByClone }
        records[disk].state = .deleting
        records[disk].cursor = 0
        touch(disk)
        countDeletions()
        return nil
    }

    private mutating func limit(_ disk: Int, _ quota: UInt32, _ reserved: UInt32) -> PoolError? {
        guard records[disk].kind == .disk else { return .isSnapshot }
        let before = records[disk].unusedReservation
        let after = reserved - min(reserved, records[disk].used)
        guard after <= before || canReserve(after - before) else { return .poolFull }
        space.promised = space.promised - min(space.promised, UInt64(before)) + UInt64(after)
        records[disk].quota = quota
        records[disk].reserved = reserved
        touch(disk)
        return nil
    }

    // MARK: Snapshots and clones

    private mutating func snapshot(_ index: Int, _ disk: Int, _ name: PoolName) -> PoolError? {
        guard records[disk].kind == .disk else { return .isSnapshot }
        guard !name.isEmpty else { return .badName }
        guard self.index(of: name) == nil else { return .exists }
        guard superblock.epoch < .max, let record = freeRecord else { return .noRecord }
        takeSnapshot(of: disk, record, name)
        requests[index].result = record
        return nil
    }

    /// Makes `record` a snapshot of a disk. The disk then shares all its units with it.
    private mutating func takeSnapshot(of disk: Int, _ record: Int, _ name: PoolName) {
        var snapshot = records[disk]
        snapshot.kind = .snapshot
        snapshot.name = name
        snapshot.origin = records[disk].name
        snapshot.ownEpoch = superblock.epoch
        snapshot.used = 0
        snapshot.quota = 0
        snapshot.reserved = 0
        enterRecord(snapshot, at: record)
        records[disk].previous = UInt32(record + 1)
        records[disk].isClone = false
        records[disk].sharedEpoch = superblock.epoch
        records[disk].dead = DiskRecord.DeadList()
        touch(disk)
        states[disk].deadSlot = -1
        superblock.epoch += 1
    }

    /// Makes a disk with the contents of a snapshot, or of a disk by a snapshot without a name.
    private mutating func clone(_ index: Int, _ source: Int, _ options: DiskOptions) -> PoolError? {
        let sectors = options.sectors == 0 ? records[source].sectors : options.sectors
        guard sectors >= records[source].sectors else { return .shrinks }
        guard sectors <= PoolLayout.coverage(height: PoolLayout.maximumHeight) else { return .tooLarge }
        guard superblock.epoch < .max else { return .noRecord }
        guard space.free > SpaceMap.Use.map.reserve + UInt32(PoolLayout.maximumHeight) else { return .poolFull }
        let isDisk = records[source].kind == .disk
        guard records.indices.count(where: { records[$0].isFree && !states[$0].isDamaged }) >= (isDisk ? 2 : 1) else {
            return .noRecord
        }
        // The record is made first, because a refusal must change nothing.
        var clone = DiskRecord()
        clone.hasChecksums = records[source].hasChecksums
        clone.height = records[source].height
        clone.root = records[source].root
        clone.isClone = true
        clone.origin = records[source].name
        var options = options
        options.sectors = records[source].sectors
        if let error = make(index, options, clone) { return error }
        let result = requests[index].result
        var origin = source
        if isDisk, let record = freeRecord {
            // The disk goes on changing, so the clone begins with a snapshot that has no name.
            takeSnapshot(of: source, record, PoolName())
            records[record].state = .hidden
            origin = record
        }
        records[result].sharedEpoch = records[origin].ownEpoch
        records[result].previous = UInt32(origin + 1)
        return grow(result, sectors)
    }

    /// Enlarges a disk. Its map becomes higher if it has to.
    private mutating func grow(_ disk: Int, _ sectors: UInt64) -> PoolError? {
        guard sectors >= records[disk].sectors else { return .shrinks }
        guard sectors <= PoolLayout.coverage(height: PoolLayout.maximumHeight) else { return .tooLarge }
        while Int(records[disk].height) < PoolLayout.height(sectors: sectors) {
            if !records[disk].root.isNone, let error = addLevel(disk) { return error }
            records[disk].height += 1
        }
        records[disk].sectors = sectors
        touch(disk)
        return nil
    }

    /// Puts a new root above the root of a map.
    private mutating func addLevel(_ disk: Int) -> PoolError? {
        guard let unit = takeUnit(near: states[disk].hint, for: .map) else { return .poolFull }
        guard let slot = cache.take(unit, as: .dirty) else {
            untake(unit)
            return .poolFull
        }
        enter(unit)
        memory.clear(buffers.slot(slot), count: PoolLayout.unitSize)
        setEntry(slot, 0, records[disk].root)
        cache.describe(slot, level: Int(records[disk].height), parent: .root(record: disk))
        if let below = cache.find(records[disk].root.unit), cache.slots[below].state == .dirty {
            cache.describe(below, level: Int(records[disk].height) - 1, parent: .node(slot: slot, index: 0))
        }
        records[disk].root = MapEntry(unit: unit, birth: superblock.epoch)
        charge(disk, 1)
        return nil
    }
}

extension PoolRequest.Operation {
    /// True if the operation needs a disk all of whose nodes are committed.
    var needsCleanDisk: Bool {
        switch self {
        case .create, .rename, .limit, .commit: false
        default: true
        }
    }
}
