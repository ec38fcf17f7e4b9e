import ABI
import TestSupport
import Testing

@testable import Virtio

/// Runs a reference driver against the backend, in orders that seeds decide.
@Suite struct BackendTests {
    static let forms: [Run.Options] = [
        Run.Options(), Run.Options(usesEventIndex: false), Run.Options(usesIndirect: false),
        Run.Options(disks: 3, queues: 4, ram: 512 << 10), Run.Options(window: 8 << 10), Run.Options(slots: 2),
        Run.Options(queues: 2, size: 256, window: 16 << 10, slots: 5),
    ]

    @Test(arguments: forms.indices) func completesEveryRequestOnce(form: Int) {
        for seed in TestLength.seeds(short: 4, long: 6) {
            let run = Run(seed: seed, Self.forms[form])
            for _ in 0..<1500 { run.step() }
            #expect(run.drain() && run.failures.isEmpty, "seed \(seed): \(run.failures.prefix(3)) \(run.state)")
            #expect(run.drivers.allSatisfy { $0.completed > 20 }, "seed \(seed)")
            #expect(run.backend.table.isEmpty && run.backend.pages.freeCount == Self.forms[form].window / 4096)
        }
    }

    /// A guest that turns the write cache off gets the answer to each change when the change is durable.
    @Test(arguments: [false, true]) func forcesEachChangeWithoutACache(hasCache: Bool) {
        let run = Run(seed: 3)
        if !hasCache { #expect(run.drivers[0].write(VirtioRegister.configuration + 32, 0, size: 1)) }
        for _ in 0..<1500 { run.step() }
        #expect(run.drain() && run.failures.isEmpty)
        #expect(run.world.rangeRequests.count > 5)
        #expect(run.world.rangeRequests.allSatisfy { $0.forcesUnitAccess != hasCache })
        #expect(run.world.forcedWrites > 5 || hasCache)
    }

    /// Kills the backend at accesses to shared memory that the seed chooses.
    @Test(arguments: forms.indices) func losesNothingIfItIsKilled(form: Int) {
        var kills = 0
        for seed in TestLength.seeds(short: 4, long: 4) {
            let run = Run(seed: seed, Self.forms[form])
            var random = Seeded(seed &+ 77)
            let rate = [50, 200, 1000][random.below(3)]
            run.world.willAccess = { [unowned run] _ in if random.below(rate) == 0 { run.kill() } }
            for _ in 0..<1500 { run.step() }
            run.world.willAccess = { _ in }
            #expect(run.drain() && run.failures.isEmpty, "seed \(seed): \(run.failures.prefix(3)) \(run.state)")
            kills += run.kills
        }
        #expect(kills > 50)
    }

    /// A disk for which storage does not answer takes neither chains nor requests nor pages that the other one needs,
    /// also after a restart of the backend.
    @Test(arguments: [Run.Options(disks: 2), Run.Options(disks: 2, size: 256, window: 16 << 10, slots: 5)])
    func aSilentDiskDelaysNoOther(options: Run.Options) {
        for seed in TestLength.seeds(short: 4, long: 6) {
            let run = Run(seed: seed, options)
            run.silentDisk = 0
            for round in 1...3 {
                let before = run.drivers[1].completed
                for _ in 0..<1500 { run.step() }
                var steps = 0
                while run.drivers[1].outstanding > 0, steps < 20_000 {
                    run.step(submits: false)
                    steps += 1
                }
                #expect(run.drivers[1].outstanding == 0, "seed \(seed), round \(round): \(run.state)")
                #expect(run.drivers[1].completed > before + 20, "seed \(seed), round \(round)")
                run.kill()
                run.beginLife()
            }
            #expect(run.drivers[0].outstanding > 0)
            run.silentDisk = nil
            #expect(run.drain() && run.failures.isEmpty, "seed \(seed): \(run.failures.prefix(3)) \(run.state)")
            #expect(run.backend.table.isEmpty && run.backend.pages.freeCount == options.window / 4096)
        }
    }

    /// A guest with several processors and a fast storage component always give the backend more to do for one disk. It
    /// hears of the requests of another disk nevertheless, and of a disk that has grown.
    @Test func aBusyDiskDelaysNoOther() {
        let run = Run(seed: 2, Run.Options(disks: 2, size: 256))
        for _ in 0..<50 { run.step(submits: false) }
        let flush: UInt32 = 4
        run.world.willAccess = { [unowned run] _ in
            run.drivers[0].handleInterrupt()
            _ = run.drivers[0].submit(flush, 0, 0)
            for slot in run.world.outstanding where run.world.connection[slot].request?.disk == 0 {
                run.world.answer(slot)
            }
        }
        let events = VirtioPages.BackendEvent.firstNotify
        var isAwake = run.backend.turn(1 << events)
        run.world.events = 0
        #expect(run.drivers[1].submit(flush, 0, 0) && run.world.events & 1 << (events + 1) != 0)
        run.world.disks[1]!.capacity = 512
        func isServed() -> Bool {
            run.world.connection.contains { $0.request?.disk == 1 }
                && run.backend.slots[1].disk?.capacity == 512
        }
        var turns = 0
        while isAwake, turns < 1000, !isServed() {
            isAwake = run.backend.turn(0)
            turns += 1
        }
        #expect(isAwake && turns > 0 && isServed(), "\(turns) turns: \(run.state)")
        #expect(run.failures.isEmpty)
    }

    /// The guest hears of a disk that grew, also while the backend was dead, and hears nothing if nothing changed.
    @Test(arguments: [false, true]) func tellsTheGuestThatItsDiskHasGrown(whileDead: Bool) {
        let run = Run(seed: 1)
        func settle() { for _ in 0..<50 { run.step(submits: false) } }
        let status = VirtioRegister.interruptStatus
        settle()
        run.kill()
        run.beginLife()
        settle()
        #expect(run.world.register(status) & InterruptStatus.configuration == 0)
        if whileDead { run.kill() }
        run.world.disks[0]!.capacity = 512
        if whileDead { run.beginLife() } else { run.world.events |= VirtioPages.BackendEvent.storage }
        for _ in 0..<3 { run.runBackend() }
        #expect(run.world.register(VirtioRegister.configuration) == 512)
        #expect(run.world.register(status) & InterruptStatus.configuration != 0 && run.world.interrupts & 1 != 0)
    }

    /// A copy is a large one after 12 KiB, in one request or several, until the backend sleeps.
    @Test(arguments: [1, 0] as [UInt32], [[8], [24], [8, 8, 8], [8, 16, 1]])
    func tellsLargeCopies(type: UInt32, counts: [Int]) {
        let run = Run(seed: 2, Run.Options(size: 256, ram: 512 << 10))
        for _ in 0..<3 {
            #expect(run.drain())
            run.world.copies = (0, 0)
            var sector = 0
            for count in counts {
                #expect(run.drivers[0].submit(type, sector, count))
                sector += count
            }
            run.runBackend()
            for _ in counts { run.runStorage() }
            #expect(run.drain() && run.failures.isEmpty)
            #expect((run.world.copies.large > 0) == (sector >= 24), "\(run.world.copies)")
            // The bytes up to the limit are copied in the way for few.
            #expect((run.world.copies.small > 0) == (counts[0] < 24), "\(run.world.copies)")
        }
    }

    /// Kills the backend once, at each access of a short run.
    @Test(arguments: [0, 1, 3]) func losesNothingAtAnyAccess(form: Int) {
        func requests(_ run: Run) {
            for _ in 0..<60 { run.step() }
        }
        let whole = Run(seed: 5, Self.forms[form])
        let first = whole.world.accesses
        requests(whole)
        #expect(whole.drain() && whole.failures.isEmpty)
        let step = TestLength.isLong ? 1 : 7
        for place in stride(from: first + 1, through: whole.world.accesses, by: step) {
            let run = Run(seed: 5, Self.forms[form])
            run.world.willAccess = { [unowned run] number in if number == place { run.kill() } }
            requests(run)
            #expect(run.drain() && run.failures.isEmpty, "access \(place): \(run.failures.prefix(3)) \(run.state)")
            #expect(run.kills == 1)
        }
    }

    /// Resets the device between accesses of the backend, and kills the backend as well.
    @Test(arguments: [0, 1, 3, 4], [false, true]) func leavesTheMemoryAfterAReset(form: Int, kills: Bool) {
        var (resets, killed) = (0, 0)
        for seed in TestLength.seeds(short: 4, long: 4) {
            let run = Run(seed: seed, Self.forms[form])
            var random = Seeded(seed &+ 99)
            run.world.willAccess = { [unowned run] _ in
                if kills, random.below(300) == 0 { run.kill() }
                run.continueResets()
                let slot = random.below(run.drivers.count)
                if random.below(400) == 0, !run.drivers[slot].queues.isEmpty { run.beginReset(slot) }
            }
            for _ in 0..<1500 { run.step() }
            run.world.willAccess = { _ in }
            #expect(run.drain() && run.failures.isEmpty, "seed \(seed): \(run.failures.prefix(3)) \(run.state)")
            resets += run.drivers.reduce(0) { $0 + $1.resets }
            killed += run.kills
        }
        #expect(resets > 20 && (killed > 3) == kills)
    }
}
