@testable import DiskPool

extension Trial {
    /// Does something to a random disk.
    ///
    /// - Returns: true if a cut should follow at once, because a control operation is under way.
    func operate() -> Bool {
        let disks = names.filter { !models[$0]!.isSnapshot }
        let action = random.below(100)
        guard let name = disks.isEmpty ? nil : disks[random.below(disks.count)], action >= 3 else { return create() }
        guard let disk = index(name) else {
            problems.append("\(name) is lost")
            return true
        }
        switch action {
        case ..<50: change(name, disk, .write)
        case ..<58: read(names[random.below(names.count)])
        case ..<70: change(name, disk, .discard)
        case ..<82: flush(name, disk)
        case ..<93: return control(name, disk)
        default: for _ in 0..<random.below(30) { step() }
        }
        for _ in 0..<random.below(4) { step() }
        return false
    }

    /// Performs requests until a cut.
    func work() {
        for _ in 0..<5 + random.below(30) where problems.isEmpty { if operate() { return } }
        for _ in 0..<random.below(12) { step() }
    }

    private func range(_ model: DiskModel) -> Range<Int> {
        let counts = [1, 3, 8, 8, 8, 32, 64, 100]
        let count = counts[random.below(counts.count)]
        let half = model.indices.count > 384 && random.oneIn(2) ? 384..<model.indices.count : 0..<384
        guard half.count > count else { return half.lowerBound..<half.lowerBound + 1 }
        var first = half.lowerBound + random.below(half.count - count)
        if random.oneIn(2) { first &= ~31 }
        return first..<first + count
    }

    private func change(_ name: String, _ disk: Int, _ operation: PoolRequest.Operation) {
        guard let window = freeWindow() else { return }
        let indices = range(models[name]!)
        guard !flights.values.contains(where: { $0.name == name && $0.indices.overlaps(indices) }) else { return }
        let before = models[name]!
        change += 1
        for (position, index) in indices.enumerated() {
            if operation == .write { stamp += 1 }
            memory.window(window, position * 512).update(repeating: stamp, count: 128)
            models[name]!.write(index, operation == .write ? stamp : 0, change: change)
        }
        var flight = Flight(operation: operation, name: name, indices: indices, change: change, window: window)
        flight.isDurable = operation == .write && random.oneIn(8)
        let sector = DiskModel.sector(indices.lowerBound)
        if !submit(flight, disk: disk, sector: sector, count: indices.count) { models[name] = before }
    }

    private func read(_ name: String) {
        guard let window = freeWindow(), let disk = index(name) else { return }
        let indices = range(models[name]!)
        // A read that meets a change has either contents, also after the change has been answered.
        guard !flights.values.contains(where: { $0.name == name && $0.indices.overlaps(indices) }) else { return }
        let flight = Flight(operation: .read, name: name, indices: indices, window: window)
        submit(flight, disk: disk, sector: DiskModel.sector(indices.lowerBound), count: indices.count)
    }

    private func flush(_ name: String, _ disk: Int) {
        submit(Flight(operation: .flush, name: name, change: change, window: -1), disk: disk)
    }

    // MARK: Control operations

    private func create() -> Bool {
        let name = "d\(random.below(1000))"
        guard models.count < 6, models[name] == nil else { return false }
        var options = DiskOptions(name: self.name(name), sectors: random.oneIn(2) ? 35200 : 4096)
        options.hasChecksums = random.oneIn(3)
        if random.oneIn(3) { options.quota = 200 }
        if random.oneIn(4) { options.reserved = 40 }
        control = Control(added: (name, DiskModel(sectors: options.sectors)))
        return finish(perform(.create(options), isCut: isCutting))
    }

    private var isCutting: Bool {
        isCut = random.oneIn(6)
        return isCut
    }

    /// Takes over the effect of a control operation, unless a cut interrupts it.
    private func finish(_ succeeded: Bool) -> Bool {
        if isCut || lastControlError == .device { return true }
        if succeeded, let removed = control?.removed { models[removed] = nil }
        if succeeded, let added = control?.added { models[added.name] = added.model }
        control = nil
        return false
    }

    private func control(_ name: String, _ disk: Int) -> Bool {
        settle()
        // A control operation makes durable what its disk contains.
        switch random.below(10) {
        case ..<3: return snapshot(name, disk)
        case ..<6: return clone(names[random.below(names.count)])
        case ..<8: return delete(names[random.below(names.count)])
        case 8: return grow(name, disk)
        default: return rename(name, disk)
        }
    }

    /// Returns the model of a copy that a control operation makes. If a cut interrupts it, the source is open too.
    private func copy(_ name: String, sectors: UInt64, isSnapshot: Bool) -> DiskModel {
        var model = models[name]!
        model.hardenAll()
        model.isSnapshot = isSnapshot
        model.sectors = sectors
        return model
    }

    private func snapshot(_ name: String, _ disk: Int) -> Bool {
        let copy = "s\(random.below(1000))"
        guard models.count < 9, models[copy] == nil else { return false }
        control = Control(added: (copy, self.copy(name, sectors: models[name]!.sectors, isSnapshot: true)))
        let succeeded = perform(.snapshot(self.name(copy)), on: disk, isCut: isCutting)
        if succeeded { models[name]!.hardenAll() }
        return finish(succeeded)
    }

    private func clone(_ name: String) -> Bool {
        let copy = "c\(random.below(1000))"
        guard models.count < 9, models[copy] == nil, let disk = index(name) else { return false }
        let size = models[name]!.sectors
        let sectors = random.oneIn(3) ? size + UInt64(random.below(40000)) : size
        control = Control(added: (copy, self.copy(name, sectors: sectors, isSnapshot: false)))
        let options = DiskOptions(name: self.name(copy), sectors: sectors == size ? 0 : sectors)
        let succeeded = perform(.clone(options), on: disk, isCut: isCutting)
        if succeeded { models[name]!.hardenAll() }
        return finish(succeeded)
    }

    private func delete(_ name: String) -> Bool {
        guard models.count > 1, let disk = index(name) else { return false }
        control = Control(removed: name)
        return finish(perform(.delete, on: disk, isCut: isCutting))
    }

    private func grow(_ name: String, _ disk: Int) -> Bool {
        let sectors = models[name]!.sectors + UInt64(random.below(40000))
        if perform(.grow(sectors), on: disk, isCut: isCutting) { models[name]!.sectors = sectors }
        return isCut || lastControlError == .device
    }

    private func rename(_ name: String, _ disk: Int) -> Bool {
        let other = "r\(random.below(1000))"
        guard models[other] == nil else { return false }
        control = Control(removed: name, added: (other, models[name]!))
        return finish(perform(.rename(self.name(other)), on: disk, isCut: isCutting))
    }
}
