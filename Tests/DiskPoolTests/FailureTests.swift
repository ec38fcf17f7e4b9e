import Testing

@testable import DiskPool

/// Devices that fail, features that this program does not know, and damaged structures.
@Suite struct FailureTests {
    /// Each single request of the device fails once. The requester gets an error, nothing hangs, nothing is wrong.
    @Test(arguments: 0..<60) func survivesEachFailure(number: Int) {
        let trial = Trial(seed: 1)
        let disk = trial.makeDisk("disk", hasChecksums: number % 2 == 1)
        #expect(trial.write(1, disk, 0, count: 64) == nil)
        trial.restart()
        var count = 0
        trial.disk.fails = { _ in
            count += 1
            return count == number + 1
        }
        let steps: [() -> PoolError?] = [
            { trial.write(2, disk, 3) }, { trial.write(3, disk, 640, count: 32) }, { trial.request(.flush, disk) },
            { trial.request(.snapshot(trial.name("s")), disk) }, { trial.write(4, disk, 40) },
            { trial.request(.discard, disk, 640, count: 32) }, { trial.request(.flush, disk) },
        ]
        let errors = steps.map { $0() }
        #expect(errors.allSatisfy { $0 == nil || $0 == .device })
        if count > number { #expect(errors.contains { $0 != nil }, "request \(number) failed, and nobody learnt it") }
        trial.disk.fails = nil
        let allowed: [(UInt64, [UInt32])] = [(3, [1, 2]), (40, [1, 4]), (20, [1]), (640, [0, 3])]
        for (sector, values) in allowed { #expect(values.contains(trial.read(disk, sector) ?? 999)) }
        // A new life goes on from the last commit.
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.isMounted)
        #expect(trial.faults == [])
        #expect(trial.write(9, disk, 3) == nil && trial.request(.flush, disk) == nil && trial.read(disk, 3) == 9)
    }

    /// Two lives write a superblock of the same generation, and a power cut leaves parts of both. Together they must
    /// not become the superblock of the former life, because the latter has overwritten the record that it names.
    @Test func partsOfTwoLivesMakeNoSuperblock() {
        let trial = Trial(seed: 1)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 32) == nil && trial.request(.commit, disk) == nil)
        let copies = (0..<2).map { PoolLayout.superblock(generation: trial.pool.superblock.generation + 1, copy: $0) }
        // The power fails before the second sector of both copies is there.
        #expect(trial.write(2, disk, 64, count: 32) == nil && trial.request(.commit, disk) == nil)
        for copy in copies { trial.disk.flip(copy, word: 130, bit: 0) }
        trial.restart()
        // It fails again before the first sector of the next life's copies is there.
        var first: [UInt32: [UInt32]] = [:]
        trial.disk.fails = { request in
            for copy in copies where request.kind == .write && request.count == 32 {
                guard request.sector == PoolLayout.firstSector(of: copy) else { continue }
                first[copy] = Array(trial.disk.units[Int(copy)][..<128])
            }
            return false
        }
        #expect(trial.write(3, disk, 128, count: 64) == nil && trial.request(.commit, disk) == nil)
        trial.disk.fails = nil
        for copy in copies {
            for (word, value) in (first[copy] ?? []).enumerated() { trial.disk.set(copy, word, value) }
        }
        trial.restart()
        #expect(first.count == 2 && trial.pool.isMounted && !trial.pool.isDamaged(disk) && trial.faults == [])
        #expect(trial.read(disk, 0) == 1)
    }

    @Test func failedFlushIsReportedOnceToEachDisk() {
        let trial = Trial(seed: 3)
        let (first, second) = (trial.makeDisk("first"), trial.makeDisk("second"))
        for disk in [first, second] { #expect(trial.write(1, disk, 0, count: 32) == nil) }
        _ = trial.request(.commit, first)
        for disk in [first, second] { #expect(trial.write(2, disk, 0, count: 32) == nil) }
        trial.disk.fails = { $0.kind == .flush }
        #expect(trial.request(.flush, first) == .device)
        trial.disk.fails = nil
        #expect(trial.request(.flush, second) == .device)
        for disk in [first, second] { #expect(trial.request(.flush, disk) == nil) }
    }

    /// A flush that failed tells of its own disk's writes before it, and not of one that ended meanwhile.
    @Test func writeDuringAFlushThatFailsIsReportedAsWell() {
        let trial = Trial(seed: 3)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 32) == nil)
        _ = trial.request(.commit, disk)
        #expect(trial.write(2, disk, 0, count: 32) == nil)
        trial.disk.fails = { $0.kind == .flush }
        _ = trial.pool.submit(PoolRequest(id: 900, .flush, disk: disk))
        guard let flush = trial.pool.nextDeviceRequest(), flush.kind == .flush else {
            Issue.record("no flush was sent")
            return
        }
        #expect(trial.write(3, disk, 0, count: 32) == nil)
        trial.pool.deviceFinished(flush.tag, succeeded: false)
        let answer = trial.pool.nextAnswer()
        #expect(answer?.error == .device)
        trial.disk.fails = nil
        #expect(trial.request(.flush, disk) == .device)
        #expect(trial.request(.flush, disk) == nil)
    }

    @Test func knowsWhichFeaturesMatter() {
        for (word, failure, reason) in [
            (Superblock.Word.incompatible, PoolError.unknownFeatures, nil),
            (Superblock.Word.readOnlyCompatible, nil, ReadOnlyReason.features(4)),
            (Superblock.Word.compatible, nil, nil),
        ] {
            let trial = Trial(seed: 4)
            let disk = trial.makeDisk("disk")
            #expect(trial.write(1, disk, 0, count: 32) == nil)
            _ = trial.request(.commit, disk)
            change(trial) { $0[word] |= 4 }
            trial.pool = trial.newPool()
            trial.pool.open()
            trial.settle()
            #expect(trial.pool.mountFailure == failure)
            #expect(trial.pool.readOnlyReason == reason)
            guard failure == nil else { continue }
            #expect(trial.read(disk, 0) == 1)
            #expect(trial.write(2, disk, 0) == (reason == nil ? nil : .readOnly))
            // A feature that is not known stays in the pool.
            guard reason == nil else { continue }
            #expect(trial.request(.snapshot(trial.name("s")), disk) == nil)
            #expect(trial.disk.units[0][word] & trial.disk.units[1][word] & 4 == 4)
        }
    }

    @Test func refusesOtherVersionsAndSizes() {
        for (word, value, failure) in [
            (Superblock.Word.version, UInt32(2), PoolError.unknownVersion), (Superblock.Word.magic, 0, .noPool),
            (Superblock.Word.units, 901, .badSize), (Superblock.Word.records, 0, .damaged),
        ] {
            let trial = Trial(seed: 5)
            _ = trial.makeDisk("disk")
            change(trial) { $0[word] = value }
            trial.pool = trial.newPool()
            trial.pool.open()
            trial.settle()
            #expect(trial.pool.mountFailure == failure)
        }
    }

    /// Changes all copies of the superblock, and their checksums.
    private func change(_ trial: Trial, _ body: (inout [UInt32]) -> Void) {
        for unit in 0..<UInt32(4) {
            var words = trial.disk.units[Int(unit)]
            body(&words)
            words[Superblock.Word.check] = 0
            words[Superblock.Word.check] = HostMemory.checksum(words)
            trial.disk.replace(unit, words)
        }
    }

    @Test func logThatWasDamagedEndsThere() {
        let trial = Trial(seed: 6, logEntries: 256)
        let disk = trial.makeDisk("disk")
        for unit in 0..<4 { #expect(trial.write(UInt32(unit + 1), disk, UInt64(unit * 32), count: 32) == nil) }
        trial.log.flip(8 * 2 + 4, bit: 3)
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.counters.replayed == 2)
        #expect([0, 32, 64, 96].map { trial.read(disk, $0) } == [1, 2, 0, 0])
        trial.restart()
        #expect(trial.faults == [])
    }

    @Test func fullLogCommits() {
        let trial = Trial(seed: 7, logEntries: 128)
        let disk = trial.makeDisk("disk")
        let commits = trial.pool.counters.commits
        for unit in 0..<200 { #expect(trial.write(1, disk, UInt64(unit * 32), count: 32) == nil) }
        #expect(trial.pool.counters.commits > commits + 1)
    }
}

extension SimulatedDisk {
    func replace(_ unit: UInt32, _ words: [UInt32]) {
        for (index, word) in words.enumerated() where units[Int(unit)][index] != word { set(unit, index, word) }
    }
}
