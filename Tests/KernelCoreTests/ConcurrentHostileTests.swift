import ABI
import Foundation
import HardwareModel
import Synchronization
import TestSupport
import Testing

@testable import KernelCore

/// Components call every operation with every word, on several cores at once, with a host thread for each core.
///
/// The test checks the invariants after all of them have stopped. Then root revokes everything. Run it with
/// `--sanitize=address`: the sanitizer also shows memory that came back too early.
@Suite(.serialized) struct ConcurrentHostileTests {
    @Test(arguments: TestLength.seeds(short: 2, long: 6))
    func coresThatRevokeWhatOthersUse(seed: UInt64) {
        let run = ConcurrentRun(seed: seed, cores: 3)
        run.play(steps: 3000)
        if let broken = run.broken() { Issue.record("seed \(seed): \(broken)") }
    }
}

private final class ConcurrentRun: @unchecked Sendable {
    private let fixture: Fixture
    private let cores: Int
    private let seed: UInt64
    private var words = HostileWords()
    private var notifications: [UInt32] = []
    private var tenants: [Tenant] = []
    private let running = Atomic<Int>(0)

    init(seed: UInt64, cores: Int) {
        self.seed = seed
        self.cores = cores
        fixture = Fixture(cores: cores, memory: 32 << 20)
        fixture.checksInvariants = false
        fixture.model.kernelBoard.pointee.millisecond = Ticks(200)
        for index in 0..<3 * cores {
            tenants.append(
                fixture.makeThread(priority: 10 + UInt64(index % 3), core: index % cores, notified: true, starts: false)
            )
        }
        for tenant in tenants { words.slots[.portal, default: []].append(fixture.makePortal(to: tenant)) }
        for index in 0..<cores {
            tenants.append(
                fixture.makeVirtualCPU(
                    priority: 8, core: index, portal: fixture.makePortal(to: tenants[index]), affinity: UInt64(index),
                    starts: false))
        }
        for _ in 0..<2 { words.slots[.extent, default: []].append(fixture.create(.extent, 1 << 16, alignment: 4096)) }
        for tenant in tenants {
            words.add(tenant)
            if tenant.notification != 0 { notifications.append(tenant.notification) }
            if !tenant.context.pointee.isVirtualCPU { words.slots[.extent, default: []].append(givePage(tenant)) }
        }
        for tenant in tenants { fixture.start(tenant) }
        fixture.sleepRoot()
    }

    private func givePage(_ tenant: Tenant) -> UInt32 {
        let page = fixture.create(.extent, Page.size, alignment: Page.size)
        fixture.succeed(.contextControl, tenant.slot, form: ContextControl.setMessagePage.rawValue, UInt64(page), 0)
        return page
    }

    /// Lets each core do `steps` steps. Cores that are done go on taking interrupts until all are done.
    func play(steps: Int) {
        running.store(cores, ordering: .releasing)
        let finished = DispatchSemaphore(value: 0)
        for index in 0..<cores {
            Thread { [self] in
                fixture.model.cores[index].run { self.playCore(index, steps) }
                finished.signal()
            }.start()
        }
        for _ in 0..<cores where !Patience.wait(for: finished) {
            Issue.record("a core waits for ever")
            return
        }
    }

    private func playCore(_ index: Int, _ steps: Int) {
        let core = fixture.model.cores[index]
        var random = SeededGenerator(seed: seed &* 64 &+ UInt64(index))
        for _ in 0..<steps {
            if index == 0, random.chance(10) { fixture.model.advance(by: UInt64(random.below(500))) }
            K.enter(core.kernelCore)
            defer { K.leave(core.kernelCore) }
            takeInterrupts(core)
            if let context = K.resume(core.kernelCore) {
                core.check()
                step(core, context, &random)
            } else {
                raiseSomething(core, &random)
            }
            _ = K.resume(core.kernelCore)
        }
        running.subtract(1, ordering: .acquiringAndReleasing)
        while running.load(ordering: .acquiring) > 0 {
            K.enter(core.kernelCore)
            takeInterrupts(core)
            _ = K.resume(core.kernelCore)
            K.leave(core.kernelCore)
            sched_yield()
        }
    }

    private func takeInterrupts(_ core: ModelCore) {
        for _ in 0..<100 where core.takeInterrupt() { _ = K.resume(core.kernelCore) }
    }

    /// Raises bits as a device's interrupt would. It looks the capability up as a thread does, whose objects may be
    /// going away.
    private func raiseSomething(_ core: ModelCore, _ random: inout SeededGenerator) {
        guard let slot = notifications.randomElement(using: &random),
            let found = try? fixture.table.pointee.find(
                slot, .notification, .write, read: { ModelHardware.readPair($0) }, order: {})
        else { return }
        K.raise(core.kernelCore, found.target(KernelCore.Notification.self), 1)
    }

    private func step(_ core: ModelCore, _ context: Ref<ExecutionContext>, _ random: inout SeededGenerator) {
        if context.pointee.isVirtualCPU {
            switch random.below(3) {
            case 0: return K.waitForInterrupt(core.kernelCore, context)
            case 1: return K.exit(core.kernelCore, context, Message(1))
            default:
                let interrupt = core.acknowledge()
                if interrupt != 1023 { core.end(interrupt) }
                return
            }
        }
        if random.chance(20) { scribble(context, &random) }
        var request = words.request(&random)
        // The model's interrupt lines are not for several threads, and no component may end the run.
        if request.operation == ABI.Operation.system.rawValue { request.operation = ABI.Operation.poll.rawValue }
        context.pointee.frame.x[0] = request.operation
        context.pointee.frame.x[1] = request.selector.bits
        for place in 0..<6 { context.pointee.frame.x[2 + place] = request.words[place] }
        let isReply = request.operation == ABI.Operation.replyWait.rawValue
        let fast = isReply ? K.replyWaitFast(core.kernelCore, context) : K.operateFast(core.kernelCore, context)
        if fast == nil { K.operate(core.kernelCore, context) }
    }

    private func scribble(_ context: Ref<ExecutionContext>, _ random: inout SeededGenerator) {
        let page = context.pointee.messagePage
        guard page.value != 0 else { return }
        func write(_ place: UInt64, _ value: UInt64) { ModelHardware.writeWord(page + place * 8, value) }
        write(64, words.freeSlot(&random) | UInt64(random.below(16)) << 32)
        write(65, 0)
        write(66, UInt64(words.anySlot(&random)) | 15 << 32)
        write(67, 0)
        write(68, words.freeSlot(&random) | words.freeSlot(&random) << 32)
    }

    /// Returns the broken invariant after all activity has ended, or nil.
    func broken() -> String? {
        // Postponed interrupts come within a millisecond.
        for _ in 0..<10 { fixture.advance(200) }
        if let found = difference() { return found }
        let region = fixture.object(fixture.region, as: Region.self)
        for _ in 0..<20_000 {
            if fixture.current() != fixture.root {
                fixture.enter { core in
                    guard self.fixture.root.pointee.state != .ready else { return }
                    self.fixture.root.pointee.state = .ready
                    K.useOwnTime(core, self.fixture.root)
                }
            }
            let answer = fixture.operate(.revoke, fixture.region)
            fixture.advance(20)
            if answer.status == .again { continue }
            if let found = difference() { return "taken back: \(found)" }
            return answer.status == .ok && region.pointee.next == region.pointee.start ? nil : "something survived"
        }
        return "taking everything back does not end"
    }

    private func difference() -> String? {
        let found = fixture.model.takeFaults().map { "\($0)" } + Invariants(fixture).broken()
        return found.isEmpty ? nil : "\(found.prefix(5))"
    }
}
