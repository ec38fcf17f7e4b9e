import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The interrupts that one core may send another in a millisecond, tick by tick: their number, the time of the rest,
/// and those that need no share.
@Suite struct InterruptShareTests {
    private static let millisecond: UInt64 = 1000
    private let fixture: Fixture
    /// The sender on core 1, which signals to threads of core 0.
    private let sender: Tenant
    /// The runner on core 0, which should not be disturbed.
    private let runner: Tenant
    /// The threads of core 0 that are not urgent.
    private let sinks: [Tenant]

    init() { self.init(cores: 2) }

    private init(cores: Int) {
        let fixture = Fixture(cores: cores)
        self.fixture = fixture
        fixture.checksInvariants = false
        fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        sender = fixture.makeThread(priority: 10, core: 1)
        sinks = (0..<20).map { _ in fixture.makeThread(priority: 3, core: 0, notified: true) }
        runner = fixture.makeThread(priority: 20, core: 0)
        fixture.sleepRoot()
        fixture.advance(3 * Self.millisecond)
    }

    private var interrupts: Int { fixture.model.cores[0].interruptCount }
    private func signal(_ sink: Int, by caller: Tenant? = nil) {
        fixture.succeed(.signal, sinks[sink].notification, 1, by: (caller ?? sender).context)
    }

    /// Sends signals, each of which core 0 takes before the next one. Returns the number of interrupts that it has
    /// taken.
    private func flood(_ range: Range<Int>, by caller: Tenant? = nil) -> Int {
        let before = interrupts
        for sink in range {
            signal(sink, by: caller)
            fixture.settle(0)
        }
        return interrupts - before
    }

    @Test func anEqualShareOfSixteen() {
        #expect(flood(0..<8) == 8 && fixture.model.cores[1].deadline == .never)
        let end = fixture.model.now + Ticks(Self.millisecond)
        fixture.model.advance(by: 10)
        #expect(flood(8..<12) == 0)
        #expect(fixture.model.cores[1].deadline == end, "its own timer sends the rest")
        fixture.model.advance(by: 989)
        #expect(flood(12..<13) == 0 && fixture.model.cores[1].pendingInterrupt == nil)
        fixture.advance(1)
        fixture.settle(0)
        // One interrupt delivers everything that has waited.
        #expect(fixture.model.cores[1].deadline == .never)
        #expect(fixture.core(1).pointee.postponed == 0 && fixture.core(0).pointee.inbox.load() == 0)
        // The new millisecond has begun with it.
        #expect(flood(13..<20) == 7)
    }

    /// The interrupt with which a postponed one is sent counts in the new millisecond.
    @Test func aMillisecondBeginsWithItsFirstInterrupt() {
        #expect(flood(0..<9) == 8)
        fixture.advance(Self.millisecond)
        fixture.advance(500)
        #expect(flood(9..<18) == 7)
        fixture.advance(499)
        #expect(fixture.core(1).pointee.postponed == 1)
        fixture.advance(1)
        #expect(fixture.core(1).pointee.postponed == 0)
    }

    @Test(arguments: [2, 4, 5]) func theShareDependsOnTheCores(cores: Int) {
        let tests = InterruptShareTests(cores: cores)
        #expect(tests.flood(0..<20) == 16 / cores)
    }

    /// Two cores have a share each. One that has used up its share does not affect the other's.
    @Test func eachSenderHasItsOwn() {
        let tests = InterruptShareTests(cores: 4)
        tests.fixture.raiseRoot()
        let second = tests.fixture.makeThread(priority: 10, core: 2)
        tests.fixture.sleepRoot()
        #expect(tests.flood(0..<8) == 4)
        #expect(tests.flood(8..<16, by: second) == 4)
    }

    /// An idle core is interrupted for each signal, because that takes no tenant's time.
    @Test func anIdleCoreNeedsNoShare() {
        fixture.raiseRoot()
        fixture.stop(runner)
        for sink in sinks { fixture.stop(sink) }
        fixture.sleepRoot()
        #expect(fixture.current(0) == nil)
        #expect(flood(0..<20) == 20)
        let left = fixture.core(1).pointee.shares[0].left
        #expect(left == 0, "no share was taken")
    }

    /// Without the length of a millisecond there is no limit.
    @Test func aBoardWithoutALimit() {
        fixture.model.kernelBoard.pointee.millisecond = Ticks(0)
        #expect(flood(0..<20) == 20)
    }

    /// Interrupts for two cores are postponed, in either order; the shares renew at different times.
    @Test(arguments: [true, false]) func theFirstShareThatRenewsSetsTheTimer(isFirstFirst: Bool) {
        let tests = InterruptShareTests(cores: 4)
        let fixture = tests.fixture, cores = fixture.model.cores
        fixture.raiseRoot()
        _ = fixture.makeThread(priority: 20, core: 2)
        let far = (0..<6).map { _ in fixture.makeThread(priority: 3, core: 2, notified: true) }
        fixture.sleepRoot()
        fixture.advance(3 * Self.millisecond)
        let signalFar = { (range: Range<Int>) in
            for tenant in far[range] {
                fixture.succeed(.signal, tenant.notification, 1, by: tests.sender.context)
                fixture.settle(2)
            }
        }
        let start = fixture.model.now
        _ = tests.flood(0..<4)
        fixture.model.advance(by: 300)
        signalFar(0..<4)
        #expect(cores[1].deadline == .never)
        if isFirstFirst {
            #expect(tests.flood(4..<5) == 0 && cores[1].deadline == start + Ticks(1000))
            signalFar(4..<5)
        } else {
            signalFar(4..<5)
            #expect(cores[1].deadline == start + Ticks(1300))
            #expect(tests.flood(4..<5) == 0)
        }
        #expect(cores[1].deadline == start + Ticks(1000), "the sooner of the two")
        fixture.model.advance(by: 700)
        fixture.settle(1)
        #expect(cores[0].pendingInterrupt != nil && cores[2].pendingInterrupt == nil)
        #expect(cores[1].deadline == start + Ticks(1300), "the other one still waits")
        fixture.model.advance(by: 300)
        fixture.settle(1)
        #expect(cores[2].pendingInterrupt != nil && cores[1].deadline == .never)
    }

    /// A receiver that looks at its inbox for another reason also takes postponed items.
    @Test func postponedItemsAreTakenWithOthers() {
        #expect(flood(0..<9) == 8)
        fixture.enter(0) { K.drainInbox($0) }
        #expect(fixture.core(0).pointee.inbox.load() == 0)
        fixture.advance(Self.millisecond)
        #expect(fixture.core(1).pointee.postponed == 0)
    }

    // MARK: Cores 4 to 7

    /// Cores 0 and 4 run urgent threads. A thread of core 1 signals to threads of both that are not urgent.
    private struct Far {
        let tests = InterruptShareTests(cores: 8)
        let sinks: [Tenant]
        var fixture: Fixture { tests.fixture }

        init(isBusy: Bool = true) {
            let fixture = tests.fixture
            fixture.raiseRoot()
            sinks = (0..<8).map { _ in fixture.makeThread(priority: 3, core: 4, notified: true, starts: isBusy) }
            if isBusy { _ = fixture.makeThread(priority: 20, core: 4) }
            fixture.sleepRoot()
            fixture.advance(3 * InterruptShareTests.millisecond)
        }

        /// Returns the number of interrupts that core 4 has taken.
        func flood(_ range: Range<Int>) -> Int {
            let before = fixture.model.cores[4].interruptCount
            for sink in sinks[range] {
                fixture.succeed(.signal, sink.notification, 1, by: tests.sender.context)
                fixture.settle(4)
            }
            return fixture.model.cores[4].interruptCount - before
        }
    }

    /// The share for core 4 differs from that for core 0, even if one of them is used up first.
    @Test func aFarCoreHasAShareOfItsOwn() {
        let far = Far()
        #expect(far.flood(0..<4) == 2)
        #expect(far.fixture.core(1).pointee.postponed == 1 << 4)
        #expect(far.tests.flood(0..<4) == 2)
        #expect(far.fixture.core(1).pointee.postponed == 1 << 4 | 1)
        let other = Far()
        #expect(other.tests.flood(0..<4) == 2)
        #expect(other.flood(0..<4) == 2)
    }

    /// A postponed interrupt for core 4 goes there as soon as the share for it renews, and not before.
    @Test(arguments: [true, false]) func aPostponedInterruptReachesAFarCore(isFarFirst: Bool) {
        let far = Far(), fixture = far.fixture, cores = fixture.model.cores
        let first = isFarFirst ? 4 : 0
        let flood = { (isFar: Bool) in _ = isFar ? far.flood(0..<3) : far.tests.flood(0..<3) }
        flood(isFarFirst)
        fixture.model.advance(by: 300)
        flood(!isFarFirst)
        fixture.model.advance(by: 700)
        fixture.settle(1)
        #expect(cores[first].pendingInterrupt != nil && cores[4 - first].pendingInterrupt == nil)
        #expect(fixture.core(1).pointee.postponed == 1 << UInt64(4 - first))
        fixture.model.advance(by: 300)
        fixture.settle(1)
        #expect(cores[4 - first].pendingInterrupt != nil && fixture.core(1).pointee.postponed == 0)
    }

    /// The kernel checks the receiving core for idleness.
    @Test func anIdleFarCoreNeedsNoShare() {
        let far = Far(isBusy: false), fixture = far.fixture, target = CoreID(4)
        let before = fixture.model.cores[4].interruptCount
        for _ in 0..<10 { fixture.enter(1) { K.alert($0, target) } }
        #expect(fixture.model.cores[4].interruptCount - before == 10)
        let busy = Far()
        busy.fixture.raiseRoot()
        for tenant in busy.tests.sinks + [busy.tests.runner] { busy.fixture.stop(tenant) }
        busy.fixture.sleepRoot()
        #expect(busy.fixture.current(0) == nil)
        #expect(busy.flood(0..<8) == 2)
    }

    /// For the rest of a long inbox a core interrupts itself within the same limit.
    @Test func aCoreInterruptsItselfSixteenTimes() {
        let fixture = Fixture()
        fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        fixture.advance(3 * Self.millisecond)
        let before = fixture.model.cores[0].interruptCount
        for _ in 0..<20 { fixture.enter { K.alert($0, CoreID(0)) } }
        #expect(fixture.model.cores[0].interruptCount - before == 16)
    }

    // MARK: Machines

    /// A component's signals to a running virtual CPU need a share like any others, and so do those of a core on which
    /// no tenant runs.
    @Test(arguments: [false, true]) func onlyAVirtualCPUOfTheMachineNeedsNoShare(isSenderIdle: Bool) {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        let machine = makeTarget(fixture, space: fixture.create(.addressSpace, 8), affinity: 0)
        if !isSenderIdle { _ = fixture.makeThread(priority: 5, core: 1) }
        fixture.sleepRoot()
        fixture.advance(3 * Self.millisecond)
        #expect(fixture.current(0) == machine.context && (fixture.current(1) == nil) == isSenderIdle)
        #expect(pendTwenty(fixture, machine) == 8)
    }

    /// The machine has as many virtual CPUs as it may have.
    @Test(arguments: [(0, 1), (1, 0), (7, 8), (8, 2), (15, 14), (2, 15)] as [(UInt64, UInt64)])
    func everyVirtualCPUIsOfItsMachine(target: UInt64, sender: UInt64) {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        let space = fixture.create(.addressSpace, 8)
        let machine = makeTarget(fixture, space: space, affinity: target)
        _ = fixture.makeVirtualCPU(priority: 5, core: 1, space: space, affinity: sender)
        fixture.sleepRoot()
        fixture.advance(3 * Self.millisecond)
        #expect(pendTwenty(fixture, machine) == 20)
    }

    private func makeTarget(_ fixture: Fixture, space: UInt32, affinity: UInt64) -> Tenant {
        let machine = fixture.makeVirtualCPU(priority: 5, space: space, affinity: affinity)
        for form in [VirtualInterruptControl.setEdge, .enable] {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
        }
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        return machine
    }

    /// Makes interrupts pending by core 1, and returns the number of interrupts that core 0 has taken for them.
    private func pendTwenty(_ fixture: Fixture, _ machine: Tenant) -> Int {
        let before = fixture.model.cores[0].interruptCount
        for interrupt in 40..<60 as Range<UInt32> {
            fixture.enter(1) { K.pend($0, machine.context, interrupt) }
            fixture.settle(0)
        }
        return fixture.model.cores[0].interruptCount - before
    }

    /// Other virtual CPUs of its machine may interrupt a running virtual CPU without a limit, and nobody else may.
    /// While another one has its core, the interrupts take that one's time.
    @Test(arguments: [(true, true), (false, true), (true, false)])
    func aMachineInterruptsItself(isSameMachine: Bool, isRunning: Bool) {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        let space = fixture.create(.addressSpace, 8)
        let machines = (0..<2).map { core in
            fixture.makeVirtualCPU(
                priority: 5, core: core, space: core == 0 || isSameMachine ? space : nil, affinity: UInt64(core))
        }
        let target = machines[0]
        let urgent = isRunning ? target : fixture.makeThread(priority: 20)
        for form in [VirtualInterruptControl.setEdge, .enable] {
            for word in 0..<4 as Range<UInt64> {
                fixture.succeed(.interruptControl, target.slot, form: form.rawValue, word, 0xFFFF_FFFF)
            }
        }
        fixture.succeed(.interruptControl, target.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        fixture.sleepRoot()
        fixture.advance(3 * Self.millisecond)
        #expect(fixture.current(0) == urgent.context && fixture.current(1) == machines[1].context)
        let before = fixture.model.cores[0].interruptCount
        for interrupt in 40..<60 as Range<UInt32> {
            fixture.enter(1) { K.pend($0, target.context, interrupt) }
            fixture.settle(0)
        }
        #expect(fixture.model.cores[0].interruptCount - before == (isSameMachine && isRunning ? 20 : 8))
    }
}
