// Control operations: each takes effect as a whole with one commit, or not at all.
extension Pool {
    mutating func control(_ index: Int, _ step: Request.ControlStep) {
        guard !isBroken else { return finishControl(index, .broken) }
        switch step {
        case .begin: beginControl(index)
        case .drained:
            // The commit before the operation leaves no changed node that a snapshot would share.
            guard !commit.isRunning else { return }
            let disk = requests[index].request.disk
            if needsQuiet(index), states[disk].writers > 0 { return }
            if isDirty {
                commit.isWanted = true
                return
            }
            if let error = perform(index) { return finishControl(index, error) }
            commit.isWanted = true
            requests[index].stage = .control(.committed(until: commit.finished + 1))
        case .committed(let until):
            guard commit.finished >= until else { return }
            finishControl(index, nil)
        }
    }

    private func needsQuiet(_ index: Int) -> Bool {
        switch requests[index].request.operation {
        case .create, .commit: false
        default: true
        }
    }

    private mutating func finishControl(_ index: Int, _ error: PoolError?) {
        let disk = requests[index].request.disk
        if states.indices.contains(disk), states[disk].barrier == index { states[disk].barrier = -1 }
        finish(index, error)
    }

    private mutating func beginControl(_ index: Int) {
        if needsQuiet(index) {
            let disk = requests[index].request.disk
            guard records.indices.contains(disk), !records[disk].isFree, records[disk].state == .live else {
                return finish(index, .noSuchDisk)
            }
            guard !states[disk].isDamaged else { return finish(index, .damaged) }
            guard states[disk].barrier < 0 else { return }
            states[disk].barrier = index
        }
        if requests[index].request.operation == .commit {
            commit.isWanted = isDirty
            requests[index].stage = .control(.committed(until: commit.finished + (isDirty || commit.isRunning ? 1 : 0)))
            return
        }
        requests[index].stage = .control(.drained)
        control(index, .drained)
    }

    /// Changes the records. Nothing is dirty, and no request writes to the disk.
    private mutating func perform(_ index: Int) -> PoolError? {
        let disk = requests[index].request.disk
        switch requests[index].request.operation {
        case .read, .write, .discard, .flush, .commit: return nil
        case .create(let options):
            return make(index, options) { _ in nil }
        case .snapshot(let name):
            guard records[disk].kind == .disk else { return .isSnapshot }
            guard self.index(of: name) == nil else { return .exists }
            guard let record = freeRecord else { return .noRecord }
            takeSnapshot(of: disk, record, name)
            requests[index].result = record
            return nil
        case .clone(let options): return clone(index, disk, options)
        case .delete: return delete(disk)
        case .grow(let sectors): return grow(disk, sectors)
        }
    }

    private var freeRecord: Int? { records.firstIndex { $0.isFree } }

    private mutating func make(_ index: Int, _ options: DiskOptions, _ fill: (inout DiskRecord) -> PoolError?) -> PoolError? {
        guard !options.name.isEmpty, self.index(of: options.name) == nil else { return .exists }
        guard options.sectors > 0, options.sectors <= PoolLayout.coverage(height: PoolLayout.maximumHeight) else {
            return .tooLarge
        }
        guard UInt64(options.reserved) + space.promised + UInt64(SpaceMap.metadataReserve) <= UInt64(space.free) else { return .poolFull }
        guard let free = freeRecord else { return .noRecord }
        var record = DiskRecord()
        record.kind = .disk
        record.name = options.name
        record.sectors = options.sectors
        record.height = UInt32(PoolLayout.height(sectors: options.sectors))
        record.hasChecksums = options.hasChecksums
        record.quota = options.quota
        record.reserved = options.reserved
        record.id = superblock.nextID
        if let error = fill(&record) { return error }
        superblock.nextID += 1
        records[free] = record
        states[free] = DiskState()
        states[free].isDirty = true
        space.promised += UInt64(options.reserved)
        requests[index].result = free
        return nil
    }

    /// Makes `record` a snapshot of a disk. The disk then shares all its units with it.
    private mutating func takeSnapshot(of disk: Int, _ record: Int, _ name: PoolName) {
        var snapshot = records[disk]
        snapshot.kind = .snapshot
        snapshot.id = superblock.nextID
        superblock.nextID += 1
        snapshot.name = name
        snapshot.ownEpoch = superblock.epoch
        snapshot.used = 0
        snapshot.quota = 0
        snapshot.reserved = 0
        records[record] = snapshot
        states[record] = DiskState()
        states[record].isDirty = true
        records[disk].previous = UInt32(record + 1)
        records[disk].isClone = false
        records[disk].sharedEpoch = superblock.epoch
        records[disk].dead = DiskRecord.DeadList()
        states[disk].isDirty = true
        states[disk].deadSlot = -1
        superblock.epoch += 1
    }

    private mutating func clone(_ index: Int, _ source: Int, _ options: DiskOptions) -> PoolError? {
        var origin = source
        guard self.index(of: options.name) == nil else { return .exists }
        if records[source].kind == .disk {
            // The disk goes on changing, so the clone begins with a snapshot that has no name.
            guard records.count(where: { $0.isFree }) >= 2, let record = freeRecord else { return .noRecord }
            guard options.sectors == 0 || options.sectors >= records[source].sectors else { return .shrinks }
            takeSnapshot(of: source, record, PoolName())
            records[record].state = .hidden
            origin = record
        }
        let parent = records[origin]
        var options = options
        if options.sectors == 0 { options.sectors = parent.sectors }
        guard options.sectors >= parent.sectors else { return .shrinks }
        guard PoolLayout.height(sectors: options.sectors) == Int(parent.height) || parent.root.isNone else {
            return .tooLarge
        }
        options.hasChecksums = parent.hasChecksums
        return make(index, options) { record in
            record.root = parent.root
            if !parent.root.isNone { record.height = parent.height }
            record.sharedEpoch = parent.ownEpoch
            record.previous = UInt32(origin + 1)
            record.isClone = true
            return nil
        }
    }

    private mutating func delete(_ disk: Int) -> PoolError? {
        if records[disk].kind == .snapshot, clones(of: disk) > 0 {
            records[disk].state = .hidden
            records[disk].name = PoolName()
        } else {
            records[disk].state = .deleting
            records[disk].cursor = 0
        }
        states[disk].isDirty = true
        return nil
    }

    private mutating func grow(_ disk: Int, _ sectors: UInt64) -> PoolError? {
        guard records[disk].kind == .disk else { return .isSnapshot }
        guard sectors >= records[disk].sectors else { return .shrinks }
        guard sectors <= PoolLayout.coverage(height: PoolLayout.maximumHeight) else { return .tooLarge }
        let height = PoolLayout.height(sectors: sectors)
        while Int(records[disk].height) < height {
            if !records[disk].root.isNone {
                guard let unit = takeUnit(near: states[disk].hint, forMetadata: true) else { return .poolFull }
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
            }
            records[disk].height += 1
        }
        records[disk].sectors = sectors
        states[disk].isDirty = true
        return nil
    }
}
