import Testing

@testable import DiskPool

// Single requests, for tests that say themselves what happens.
extension Trial {
    /// Makes a disk, and returns its index.
    func makeDisk(
        _ name: String, sectors: UInt64 = 35200, hasChecksums: Bool = false, quota: UInt32 = 0, reserved: UInt32 = 0
    ) -> Int {
        var options = DiskOptions(name: self.name(name), sectors: sectors)
        options.hasChecksums = hasChecksums
        (options.quota, options.reserved) = (quota, reserved)
        perform(.create(options))
        return index(name) ?? -1
    }

    /// Performs a request, and returns its error. Records an issue if it does not end.
    func request(_ operation: PoolRequest.Operation, _ disk: Int, _ sector: UInt64 = 0, count: Int = 0) -> PoolError? {
        expected = Set((1...30).compactMap { PoolError(rawValue: $0) })
        lastControlError = nil
        submit(Flight(operation: operation, name: ""), disk: disk, sector: sector, count: count)
        settle()
        if !problems.isEmpty { Issue.record("\(problems)") }
        return lastControlError
    }

    /// Fills sectors with a number.
    func write(_ value: UInt32, _ disk: Int, _ sector: UInt64, count: Int = 1) -> PoolError? {
        memory.window(0, 0).update(repeating: value, count: count * 128)
        return request(.write, disk, sector, count: count)
    }

    /// Returns the first word of a sector, or nil after an error.
    func read(_ disk: Int, _ sector: UInt64, count: Int = 1) -> UInt32? {
        memory.window(0, 0).update(repeating: 0xBAD, count: count * 128)
        guard request(.read, disk, sector, count: count) == nil else { return nil }
        return memory.window(0, 0)[0]
    }

    /// Commits, and opens the pool anew.
    func restart() {
        _ = request(.commit, 0)
        pool = newPool()
        pool.open()
        settle()
    }

    func newPool() -> TestPool {
        Pool(memory: memory, log: log, units: units, records: records, slots: slots, requests: Trial.requestCount)
    }

    var faults: [PoolFault] {
        PoolCheck(pool, verifiesData: true, read: disk.unit, checksum: { HostMemory.checksum($0) }).serious
    }

    /// Returns the unit of data of a virtual unit whose path is in memory.
    func dataUnit(_ disk: Int, _ unit: UInt64) -> UInt32? {
        guard case .value(let place) = pool.leaf(disk, unit) else { return nil }
        return pool.entry(place).unit
    }

    /// Returns the device's requests during some work.
    func requests(during work: () -> Void) -> [DeviceRequest] {
        disk.keepsJournal = true
        disk.journal = []
        work()
        disk.keepsJournal = false
        return disk.journal
    }
}
