import ABI
import TestSupport
import Testing
import VirtualPlatform

@testable import Virtio

/// Attacks the backend with all that a guest controls. A second disk of the machine is used properly all the time.
@Suite struct HostileGuestTests {
    static let forms: [Run.Options] = [
        Run.Options(disks: 2), Run.Options(disks: 2, queues: 2, window: 8 << 10), Run.Options(disks: 2, slots: 3),
        Run.Options(disks: 2, window: 16 << 10, slots: 5, usesEventIndex: false),
    ]

    @Test(arguments: forms.indices, [false, true]) func anyAttackIsSurvived(form: Int, kills: Bool) {
        var counts: [String: Int] = [:]
        var (completed, rounds) = (0, 0)
        for seed in TestLength.seeds(short: 4, long: 6) {
            let attacked = AttackedRun(seed: seed, Self.forms[form], kills: kills)
            for round in 0..<60 {
                attacked.attack()
                attacked.recover()
                rounds += 1
                guard attacked.failures.isEmpty else {
                    Issue.record("seed \(seed) round \(round): \(attacked.failures.prefix(3)) \(attacked.run.state)")
                    return
                }
            }
            counts.merge(attacked.guest.counts, uniquingKeysWith: +)
            completed += attacked.sessions
        }
        #expect(counts.count == 33 && counts.values.allSatisfy { $0 > 3 }, "\(counts)")
        #expect(completed > 5 * rounds)
    }

    /// Each broken rule ends the use of the queue until the device is reset, and nothing of the disk changes.
    @Test(arguments: HostileGuest.wrongKinds) func aBrokenRuleDemandsAReset(kind: String) {
        for seed in 1..<20 as Range<UInt64> {
            let attacked = AttackedRun(seed: seed, Self.forms[0], kills: false)
            attacked.guest.start(isProper: true)
            attacked.run.runBackend()
            attacked.guest.offerChain(kind)
            attacked.guest.notify()
            attacked.run.runBackend()
            #expect(attacked.run.drivers[1].read(VirtioRegister.status) == 0x4F, "seed \(seed)")
            if ["ahead", "backwards"].contains(kind) {
                let requests = attacked.run.world.connection.compactMap(\.request)
                #expect(!requests.contains { $0.disk == 1 }, "seed \(seed): no entry of the ring is known")
            }
            attacked.recover()
            #expect(attacked.failures.isEmpty, "seed \(seed): \(attacked.failures.prefix(3))")
        }
    }
}

/// A run with a hostile guest in slot 1 and a good driver in slot 0.
final class AttackedRun {
    let run: Run
    let guest: HostileGuest
    private var random: Seeded
    private let kills: Bool
    private let options: Run.Options
    private var troubles: [String] = []
    /// The requests that proper drivers of slot 1 have completed between the attacks.
    private(set) var sessions = 0

    var failures: [String] { run.failures + troubles + guest.troubles }

    init(seed: UInt64, _ options: Run.Options, kills: Bool) {
        (self.options, self.kills) = (options, kills)
        run = Run(seed: seed, options)
        random = Seeded(seed &* 104_729)
        guest = HostileGuest(run, seed: seed &* 1299)
        if !guest.finishReset() { troubles.append("the first reset never ends") }
        run.drivers[1].queues = []
    }

    private func fail(_ trouble: String) { troubles.append(trouble) }

    // MARK: An attack

    func attack() {
        let rate = [0, 5, 50, 500][random.below(4)]
        let resetting = [0, 200, 1000][random.below(3)]
        let killing = kills ? [0, 300, 3000][random.below(3)] : 0
        run.world.willAccess = { [unowned self] _ in
            if rate > 0, random.below(rate) == 0 { guest.change() }
            if resetting > 0, random.below(resetting) == 0 { guest.beginReset() }
            if killing > 0, random.below(killing) == 0 { run.kill() }
        }
        guest.start()
        for _ in 0..<20 + random.below(60) { step() }
        run.world.willAccess = { _ in }
    }

    private func step() {
        switch random.below(20) {
        case 0..<5:
            let chains = 1 + random.below(4)
            for number in 1...chains { guest.offerChain(isLast: number == chains && random.chance(50)) }
            guest.notify()
        case 5: if random.chance(30) { guest.writeRegister() } else if random.chance(20) { guest.changeLate() }
        case 6: guest.notify()
        case 7: if random.chance(10) { guest.stopQueue() }
        case 8:
            if random.chance(20) { guest.beginReset() }
            if random.chance(50) { guest.start() }
        case 9: run.world.acknowledgements |= random.next() & 3
        case 10, 11:
            run.drivers[0].handleInterrupt()
            _ = run.drivers[0].submit()
        case 12..<16: answer()
        default: run.runBackend()
        }
        checkRequests()
    }

    /// Lets storage answer. It reports errors to the hostile guest only.
    private func answer() {
        let outstanding = run.world.outstanding
        guard !outstanding.isEmpty else { return }
        let slot = outstanding[random.below(outstanding.count)]
        let isHostile = run.world.connection[slot].request?.disk == 1
        run.world.answer(slot, isHostile && random.chance(20) ? [.ioError, .noSpace, .noDisk][random.below(3)] : nil)
    }

    /// Checks the requests at storage: each names a disk, its sectors and a part of the window, which it has alone.
    private func checkRequests() {
        var pages = Set<UInt32>()
        for slot in run.world.connection {
            guard let request = slot.request else { continue }
            guard request.disk < 2, request.sector <= 256, request.sector + UInt64(request.length / 512) <= 256 else {
                return fail("a request beyond the disk: \(request)")
            }
            guard request.operation == .read || request.operation == .write else { continue }
            guard request.length > 0, UInt64(request.offset) + UInt64(request.length) <= UInt64(run.world.window.count)
            else { return fail("a request beyond the window: \(request)") }
            // After a death, requests of the life before can share pages with nobody, because none is submitted.
            for page in request.offset / 4096...(request.offset + request.length - 1) / 4096 {
                if !pages.insert(page).inserted { fail("two requests share a page") }
            }
        }
    }

    // MARK: After an attack

    /// Resets the device, and checks that nothing is left over and that a proper driver can use the device.
    func recover() {
        guard guest.finishReset() else { return fail("the reset never ends") }
        drain()
        let backend = run.backend
        if !backend.table.isEmpty || backend.table.waitingSlots != 0 { fail("chains are left over") }
        for shares in [backend.chainShares, backend.pageShares, backend.requestShares] {
            if (0..<8).contains(where: { shares.used[$0] != 0 }) { fail("a disk's share is left over") }
        }
        if backend.pages.freeCount != options.window / 4096 { fail("pages are left over") }
        if run.world.connection.contains(where: { $0.request != nil }) { fail("requests are left over") }
        if backend.slots[1].stale != 0 || backend.slots[1].isBroken || backend.openSlot != -1 {
            fail("the slot is not as new")
        }
        guard failures.isEmpty else { return }
        useProperly()
    }

    private func drain() {
        for _ in 0..<5000 {
            run.drivers[0].handleInterrupt()
            if run.drivers[0].outstanding == 0, run.world.outstanding.isEmpty, !run.isAwake, run.world.events == 0 {
                return
            }
            run.runBackend()
            run.runStorage()
        }
        fail("the backend is never done")
    }

    private func useProperly() {
        let driver = run.drivers[1]
        run.world.contents[1] = Array(repeating: 0, count: run.world.contents[1].count)
        run.world.forbiddenRAM = nil
        driver.forget()
        driver.start()
        let before = driver.completed
        for _ in 0..<60 { run.step() }
        if !run.drain() { fail("a proper driver waits for ever") }
        sessions += driver.completed - before
        if !guest.finishReset() { fail("the reset after proper use never ends") }
        driver.queues = []
    }
}
