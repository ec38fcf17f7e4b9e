import Testing

@testable import DiskPool

/// Devices that fail for a while and then work again.
@Suite struct TroubleTests {
    /// Returns a pool whose commit has failed at a step, with data that only the failed commit contains.
    private func failedCommit(at kind: DeviceRequest.Kind, after count: Int) -> (trial: Trial, disk: Int) {
        let trial = Trial(seed: 2)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 32) == nil)
        #expect(trial.request(.flush, disk) == nil)
        #expect(trial.write(2, disk, 64, count: 32) == nil)
        var seen = 0
        trial.disk.fails = {
            guard $0.kind == kind else { return false }
            seen += 1
            return seen > count
        }
        #expect(trial.request(.flush, disk) == .device)
        #expect(trial.pool.hasFailedCommit && trial.pool.hasTrouble)
        return (trial, disk)
    }

    /// The steps of a commit: nodes and blocks, the flush behind them, the superblock, and the last flush.
    private static let steps: [(kind: DeviceRequest.Kind, after: Int)] = [
        (.write, 0), (.write, 2), (.flush, 0), (.write, 3), (.write, 4), (.flush, 1),
    ]

    @Test(arguments: steps) func failedCommitEndsChangesUntilARetry(step: (kind: DeviceRequest.Kind, after: Int)) {
        let (trial, disk) = failedCommit(at: step.kind, after: step.after)
        // Reads go on, and whatever needs the metadata ends with an error at once.
        #expect(trial.read(disk, 0) == 1 && trial.read(disk, 64) == 2)
        #expect(trial.write(3, disk, 128, count: 32) == .device)
        #expect(trial.request(.discard, disk, 0, count: 32) == .device)
        for operation in [PoolRequest.Operation.delete, .snapshot(trial.name("s")), .commit, .flush] {
            #expect(trial.request(operation, disk) == .device)
        }
        trial.pool.retry()
        trial.settle()
        #expect(trial.pool.hasFailedCommit && trial.pool.counters.failedCommits == 2)
        trial.disk.fails = nil
        trial.pool.retry()
        trial.settle()
        #expect(!trial.pool.hasTrouble)
        #expect(trial.write(4, disk, 128, count: 32) == nil)
        // A flush of the device that failed may have lost data, which the next flush of the disk reports.
        #expect(trial.request(.flush, disk) == (step.kind == .flush ? .device : nil))
        #expect(trial.request(.flush, disk) == nil)
        trial.restart()
        #expect([0, 64, 128].map { trial.read(disk, $0) } == [1, 2, 4])
        #expect(trial.faults == [])
    }

    /// A power cut between the failure and the end of the retry finds the last commit or the failed one.
    @Test(arguments: 0..<20 as Range<UInt64>, steps) func cutDuringTheRetry(
        seed: UInt64, step: (kind: DeviceRequest.Kind, after: Int)
    ) {
        let (trial, disk) = failedCommit(at: step.kind, after: step.after)
        trial.random = Random(seed)
        trial.disk.fails = nil
        #expect(trial.write(5, disk, 4, count: 2) == nil)
        trial.pool.retry()
        for _ in 0..<Int(seed) / 2 { trial.step() }
        trial.disk.cut(&trial.random, trial.memory)
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.isMounted)
        #expect(trial.faults == [])
        #expect(trial.read(disk, 0) == 1)
        #expect([0, 2].contains(trial.read(disk, 64)))
    }

    /// Requests that wait when the commit fails, and those that need units that a commit would give back.
    @Test func everyWaitingRequestIsAnswered() {
        let trial = Trial(seed: 4)
        let (disk, other) = (trial.makeDisk("disk"), trial.makeDisk("other"))
        for unit in 0..<1100 where trial.write(3, disk, UInt64(unit * 32), count: 32) != nil { break }
        #expect(trial.request(.flush, disk) == nil)
        #expect(trial.request(.discard, disk, 0, count: 3200) == nil)
        trial.disk.fails = { $0.kind == .flush }
        // The write waits for the units of the discard.
        trial.submit(
            Trial.Flight(operation: .write, name: "", window: 1), disk: other, sector: 0, count: 32)
        trial.submit(Trial.Flight(operation: .discard, name: "", window: -1), disk: disk, sector: 3200, count: 320)
        trial.submit(Trial.Flight(operation: .create(DiskOptions(name: trial.name("new"), sectors: 64)), name: ""))
        trial.settle()
        #expect(trial.problems == [] && trial.lastControlError == .device)
        #expect(trial.write(4, other, 0, count: 32) == .device)
        trial.disk.fails = nil
        trial.pool.retry()
        #expect(trial.write(4, other, 0, count: 32) == nil && trial.read(other, 0) == 4)
        trial.restart()
        #expect(trial.faults == [])
    }

    @Test func deletionGoesOnAfterARetry() {
        let trial = Trial(seed: 5)
        let disk = trial.makeDisk("disk")
        for unit in 0..<100 { #expect(trial.write(1, disk, UInt64(unit * 32), count: 32) == nil) }
        trial.restart()
        let free = trial.pool.freeUnits
        trial.disk.fails = { $0.kind == .read }
        #expect(trial.request(.delete, disk) == nil)
        #expect(trial.pool.hasTrouble && trial.pool.freeUnits <= free)
        trial.disk.fails = nil
        trial.pool.retry()
        trial.settle()
        #expect(!trial.pool.hasTrouble && trial.pool.freeUnits > free + 100)
    }

    /// Each read of the opening fails once, and with it each node that the replay needs.
    @Test(arguments: 0..<60) func openingIsTriedAgain(number: Int) {
        let trial = Trial(seed: 6, logEntries: 256)
        let disk = trial.makeDisk("disk")
        for unit in 0..<8 { #expect(trial.write(1, disk, UInt64(unit * 32), count: 32) == nil) }
        #expect(trial.request(.flush, disk) == nil)
        for unit in 0..<4 { #expect(trial.write(2, disk, UInt64(1024 * 32 + unit * 32), count: 32) == nil) }
        #expect(trial.request(.discard, disk, 32, count: 32) == nil)
        var count = 0
        trial.disk.fails = { _ in
            count += 1
            return count == number + 1
        }
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        if !trial.pool.isMounted {
            #expect(trial.pool.mountFailure == .device && trial.pool.hasTrouble)
            trial.pool.retry()
            trial.settle()
        }
        trial.disk.fails = nil
        #expect(trial.pool.isMounted && trial.pool.counters.damaged == 0)
        #expect([0, 32, 32768].map { trial.read(disk, $0) } == [1, 0, 2])
    }

    /// A block that the device cannot read at all is damaged, and the pool opens without it.
    @Test func opensWithoutWhatStaysUnreadable() {
        let trial = Trial(seed: 9, logEntries: 256)
        let (disk, other) = (trial.makeDisk("disk"), trial.makeDisk("other"))
        for disk in [disk, other] { #expect(trial.write(1, disk, 0, count: 32) == nil) }
        #expect(trial.request(.flush, disk) == nil)
        #expect(trial.write(2, other, 64, count: 32) == nil)
        let entry = DirectoryEntry(trial.memory, at: DirectoryEntry.offset(1 + disk))
        trial.disk.unreadable = [Int(PoolLayout.recordSector(disk, slot: entry.slot, mapBlocks: 1))]
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        for _ in 1..<TestPool.openAttempts {
            #expect(trial.pool.mountFailure == .device)
            trial.pool.retry()
            trial.settle()
        }
        #expect(trial.pool.isMounted && trial.pool.isDamaged(disk) && trial.pool.counters.damaged == 1)
        #expect(trial.read(other, 64) == 2)
    }

    private typealias TestPool = Trial.TestPool

    /// An older generation is no substitute for a newest one that cannot be read at present.
    @Test func unreadableSuperblockIsNotReplacedByAnOlderOne() {
        for parity in 0...1 {
            let trial = Trial(seed: 7)
            let disk = trial.makeDisk("disk")
            for value in 1...4 as ClosedRange<UInt32> {
                guard value < 4 || trial.pool.generation & 1 != parity else { continue }
                #expect(trial.write(value, disk, UInt64(value) * 32, count: 32) == nil)
                #expect(trial.request(.flush, disk) == nil)
            }
            let newest = Int(trial.pool.generation & 1)
            trial.disk.unreadable = Set([newest, newest + 2].flatMap { $0 * 32..<$0 * 32 + 32 })
            trial.pool = trial.newPool()
            trial.pool.open()
            trial.settle()
            #expect(trial.pool.mountFailure == .device)
            trial.disk.unreadable = Set(newest * 32..<newest * 32 + 32)
            trial.pool.retry()
            trial.settle()
            #expect(trial.pool.isMounted && trial.read(disk, 96) == 3)
        }
    }

    /// The device's requests count bytes in 32 bits, so that a long run of freed units is divided.
    @Test func longRunsOfFreeUnitsAreDivided() {
        let trial = Trial(seed: 8, units: 20000)
        trial.disk.keepsData = false
        let disk = trial.makeDisk("disk")
        trial.pool.passesDiscards = true
        let free = trial.pool.freeUnits
        trial.pool.space.draining = (1000..<19000 as Range<UInt32>).map { trial.pool.take($0) }
        let requests = trial.requests { #expect(trial.read(disk, 0) == 0) }
        let discards = requests.filter { $0.kind == .discard }
        #expect(discards.map { $0.count / PoolLayout.sectorsPerUnit }.sorted() == [18000 - 16384, 8192, 8192])
        #expect(discards.allSatisfy { $0.count * PoolLayout.sectorSize <= UInt32.max })
        #expect(trial.pool.freeUnits == free)
    }

    /// A discard of more units than one step changes goes on without another request, and a flush behind it too.
    @Test(arguments: [false, true]) func longDiscardEndsByItself(isDurable: Bool) {
        let trial = Trial(seed: 8, units: 14000, slots: 96)
        trial.disk.keepsData = false
        let disk = trial.makeDisk("disk", sectors: 32 * 14000)
        for unit in stride(from: 0, to: 13000, by: 4) {
            #expect(trial.write(1, disk, UInt64(unit * 32), count: 128) == nil)
        }
        #expect(trial.request(.flush, disk) == nil)
        let free = trial.pool.freeUnits
        trial.pool.passesDiscards = true
        trial.disk.keepsJournal = true
        let discard = Trial.Flight(operation: .discard, name: "", window: -1, isDurable: isDurable)
        trial.submit(discard, disk: disk, sector: 0, count: 32 * 13000)
        if !isDurable { trial.submit(Trial.Flight(operation: .flush, name: "", window: -1), disk: disk) }
        #expect(trial.pool.hasWork)
        trial.settle()
        #expect(trial.problems == [] && !trial.pool.hasWork)
        #expect(trial.pool.freeUnits >= free + 13000)
        #expect(trial.disk.journal.contains { $0.kind == .flush })
        #expect(trial.read(disk, 12999 * 32) == 0)
    }
}
