import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The interrupts that one core may send another in a millisecond, tick by tick: how many, when the rest follows, and
/// which need no share.
@Suite struct InterruptShareTests {
    private static let millisecond: UInt64 = 1000
    private let bench: Bench
    /// Of core 1: signals to threads of core 0.
    private let sender: Tenant
    /// Of core 0: runs, and is not to be disturbed.
    private let runner: Tenant
    /// Of core 0: none of them is urgent.
    private let sinks: [Tenant]

    init() { self.init(cores: 2) }

    private init(cores: Int) {
        let bench = Bench(cores: cores)
        self.bench = bench
        bench.checksInvariants = false
        bench.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        sender = bench.makeThread(priority: 10, core: 1)
        sinks = (0..<20).map { _ in bench.makeThread(priority: 3, core: 0, notified: true) }
        runner = bench.makeThread(priority: 20, core: 0)
        bench.sleepRoot()
        bench.advance(3 * Self.millisecond)
    }

    private var interrupts: Int { bench.model.cores[0].interruptCount }
    private func signal(_ sink: Int, by caller: Tenant? = nil) {
        bench.succeed(.signal, sinks[sink].notification, 1, by: (caller ?? sender).context)
    }

    /// Sends signals, each of which core 0 takes before the next; returns how many interrupts it has taken.
    private func flood(_ range: Range<Int>, by caller: Tenant? = nil) -> Int {
        let before = interrupts
        for sink in range {
            signal(sink, by: caller)
            bench.settle(0)
        }
        return interrupts - before
    }

    @Test func anEqualShareOfSixteen() {
        #expect(flood(0..<8) == 8 && bench.model.cores[1].deadline == .never)
        let end = bench.model.now + Ticks(Self.millisecond)
        bench.model.advance(by: 10)
        #expect(flood(8..<12) == 0)
        #expect(bench.model.cores[1].deadline == end, "its own timer sends the rest")
        bench.model.advance(by: 989)
        #expect(flood(12..<13) == 0 && bench.model.cores[1].pendingInterrupt == nil)
        bench.advance(1)
        bench.settle(0)
        // One interrupt brings all that has waited.
        #expect(bench.model.cores[1].deadline == .never)
        #expect(bench.core(1).pointee.postponed == 0 && bench.core(0).pointee.inbox.load() == 0)
        // The new millisecond has begun with it.
        #expect(flood(13..<20) == 7)
    }

    /// The interrupt with which a postponed one is sent counts in the new millisecond.
    @Test func aMillisecondBeginsWithItsFirstInterrupt() {
        #expect(flood(0..<9) == 8)
        bench.advance(Self.millisecond)
        bench.advance(500)
        #expect(flood(9..<18) == 7)
        bench.advance(499)
        #expect(bench.core(1).pointee.postponed == 1)
        bench.advance(1)
        #expect(bench.core(1).pointee.postponed == 0)
    }

    @Test(arguments: [2, 4, 5]) func theShareDependsOnTheCores(cores: Int) {
        let tests = InterruptShareTests(cores: cores)
        #expect(tests.flood(0..<20) == 16 / cores)
    }

    /// Two cores have a share each, and one that has used its share up leaves the other its own.
    @Test func eachSenderHasItsOwn() {
        let tests = InterruptShareTests(cores: 4)
        tests.bench.raiseRoot()
        let second = tests.bench.makeThread(priority: 10, core: 2)
        tests.bench.sleepRoot()
        #expect(tests.flood(0..<8) == 4)
        #expect(tests.flood(8..<16, by: second) == 4)
    }

    /// An idle core is interrupted for each, because that takes nobody's time.
    @Test func anIdleCoreNeedsNoShare() {
        bench.raiseRoot()
        bench.stop(runner)
        for sink in sinks { bench.stop(sink) }
        bench.sleepRoot()
        #expect(bench.current(0) == nil)
        #expect(flood(0..<20) == 20)
        let left = bench.core(1).pointee.shares[0].left
        #expect(left == 0, "no share was taken")
    }

    /// Without a millisecond nothing is limited.
    @Test func aBoardWithoutALimit() {
        bench.model.kernelBoard.pointee.millisecond = Ticks(0)
        #expect(flood(0..<20) == 20)
    }

    /// Interrupts for two cores are postponed, in either order; the shares renew at different times.
    @Test(arguments: [true, false]) func theFirstShareThatRenewsSetsTheTimer(isFirstFirst: Bool) {
        let tests = InterruptShareTests(cores: 4)
        let bench = tests.bench, cores = bench.model.cores
        bench.raiseRoot()
        _ = bench.makeThread(priority: 20, core: 2)
        let far = (0..<6).map { _ in bench.makeThread(priority: 3, core: 2, notified: true) }
        bench.sleepRoot()
        bench.advance(3 * Self.millisecond)
        let signalFar = { (range: Range<Int>) in
            for tenant in far[range] {
                bench.succeed(.signal, tenant.notification, 1, by: tests.sender.context)
                bench.settle(2)
            }
        }
        let start = bench.model.now
        _ = tests.flood(0..<4)
        bench.model.advance(by: 300)
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
        bench.model.advance(by: 700)
        bench.settle(1)
        #expect(cores[0].pendingInterrupt != nil && cores[2].pendingInterrupt == nil)
        #expect(cores[1].deadline == start + Ticks(1300), "the other one still waits")
        bench.model.advance(by: 300)
        bench.settle(1)
        #expect(cores[2].pendingInterrupt != nil && cores[1].deadline == .never)
    }

    /// A receiver that looks at its inbox for another reason takes along what is postponed.
    @Test func whatIsPostponedIsTakenAlong() {
        #expect(flood(0..<9) == 8)
        bench.enter(0) { K.drainInbox($0) }
        #expect(bench.core(0).pointee.inbox.load() == 0)
        bench.advance(Self.millisecond)
        #expect(bench.core(1).pointee.postponed == 0)
    }

    // MARK: Cores 4 to 7

    /// Cores 0 and 4 run urgent threads; a thread of core 1 signals to threads of both that are not urgent.
    private struct Far {
        let tests = InterruptShareTests(cores: 8)
        let sinks: [Tenant]
        var bench: Bench { tests.bench }

        init(isBusy: Bool = true) {
            let bench = tests.bench
            bench.raiseRoot()
            sinks = (0..<8).map { _ in bench.makeThread(priority: 3, core: 4, notified: true, starts: isBusy) }
            if isBusy { _ = bench.makeThread(priority: 20, core: 4) }
            bench.sleepRoot()
            bench.advance(3 * InterruptShareTests.millisecond)
        }

        /// Returns how many interrupts core 4 has taken.
        func flood(_ range: Range<Int>) -> Int {
            let before = bench.model.cores[4].interruptCount
            for sink in sinks[range] {
                bench.succeed(.signal, sink.notification, 1, by: tests.sender.context)
                bench.settle(4)
            }
            return bench.model.cores[4].interruptCount - before
        }
    }

    /// The share for core 4 is not that for core 0, whichever of them is used up first.
    @Test func aFarCoreHasAShareOfItsOwn() {
        let far = Far()
        #expect(far.flood(0..<4) == 2)
        #expect(far.bench.core(1).pointee.postponed == 1 << 4)
        #expect(far.tests.flood(0..<4) == 2)
        #expect(far.bench.core(1).pointee.postponed == 1 << 4 | 1)
        let other = Far()
        #expect(other.tests.flood(0..<4) == 2)
        #expect(other.flood(0..<4) == 2)
    }

    /// A postponed interrupt for core 4 goes there as soon as the share for it renews, and not before.
    @Test(arguments: [true, false]) func whatIsPostponedForAFarCoreReachesIt(isFarFirst: Bool) {
        let far = Far(), bench = far.bench, cores = bench.model.cores
        let first = isFarFirst ? 4 : 0
        let flood = { (isFar: Bool) in _ = isFar ? far.flood(0..<3) : far.tests.flood(0..<3) }
        flood(isFarFirst)
        bench.model.advance(by: 300)
        flood(!isFarFirst)
        bench.model.advance(by: 700)
        bench.settle(1)
        #expect(cores[first].pendingInterrupt != nil && cores[4 - first].pendingInterrupt == nil)
        #expect(bench.core(1).pointee.postponed == 1 << UInt64(4 - first))
        bench.model.advance(by: 300)
        bench.settle(1)
        #expect(cores[4 - first].pendingInterrupt != nil && bench.core(1).pointee.postponed == 0)
    }

    /// Whether a core is idle is asked of that core.
    @Test func anIdleFarCoreNeedsNoShare() {
        let far = Far(isBusy: false), bench = far.bench, target = CoreID(4)
        let before = bench.model.cores[4].interruptCount
        for _ in 0..<10 { bench.enter(1) { K.alert($0, target) } }
        #expect(bench.model.cores[4].interruptCount - before == 10)
        let busy = Far()
        busy.bench.raiseRoot()
        for tenant in busy.tests.sinks + [busy.tests.runner] { busy.bench.stop(tenant) }
        busy.bench.sleepRoot()
        #expect(busy.bench.current(0) == nil)
        #expect(busy.flood(0..<8) == 2)
    }

    /// For the rest of a long inbox a core interrupts itself within the same limit.
    @Test func aCoreInterruptsItselfSixteenTimes() {
        let bench = Bench()
        bench.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        bench.advance(3 * Self.millisecond)
        let before = bench.model.cores[0].interruptCount
        for _ in 0..<20 { bench.enter { K.alert($0, CoreID(0)) } }
        #expect(bench.model.cores[0].interruptCount - before == 16)
    }

    // MARK: Machines

    /// A component's signals to a virtual CPU that runs have their share as any other, and so have those of a core on
    /// which nobody runs.
    @Test(arguments: [false, true]) func onlyAVirtualCPUOfTheMachineNeedsNoShare(isSenderIdle: Bool) {
        let bench = Bench(cores: 2)
        bench.checksInvariants = false
        bench.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        let machine = makeTarget(bench, space: bench.create(.addressSpace, 8), affinity: 0)
        if !isSenderIdle { _ = bench.makeThread(priority: 5, core: 1) }
        bench.sleepRoot()
        bench.advance(3 * Self.millisecond)
        #expect(bench.current(0) == machine.context && (bench.current(1) == nil) == isSenderIdle)
        #expect(pendTwenty(bench, machine) == 8)
    }

    /// The machine's virtual CPUs are all of those that it may have.
    @Test(arguments: [(0, 1), (1, 0), (7, 8), (8, 2), (15, 14), (2, 15)] as [(UInt64, UInt64)])
    func everyVirtualCPUIsOfItsMachine(target: UInt64, sender: UInt64) {
        let bench = Bench(cores: 2)
        bench.checksInvariants = false
        bench.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        let space = bench.create(.addressSpace, 8)
        let machine = makeTarget(bench, space: space, affinity: target)
        _ = bench.makeVirtualCPU(priority: 5, core: 1, space: space, affinity: sender)
        bench.sleepRoot()
        bench.advance(3 * Self.millisecond)
        #expect(pendTwenty(bench, machine) == 20)
    }

    private func makeTarget(_ bench: Bench, space: UInt32, affinity: UInt64) -> Tenant {
        let machine = bench.makeVirtualCPU(priority: 5, space: space, affinity: affinity)
        for form in [VirtualInterruptControl.setEdge, .enable] {
            bench.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
        }
        bench.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        return machine
    }

    /// By core 1; returns how many interrupts core 0 has taken for them.
    private func pendTwenty(_ bench: Bench, _ machine: Tenant) -> Int {
        let before = bench.model.cores[0].interruptCount
        for interrupt in 40..<60 as Range<UInt32> {
            bench.enter(1) { K.pend($0, machine.context, interrupt) }
            bench.settle(0)
        }
        return bench.model.cores[0].interruptCount - before
    }

    /// A virtual CPU that runs may be interrupted by others of its machine as often as they like, and by nobody else.
    /// While another one has its core, that one's time is taken.
    @Test(arguments: [(true, true), (false, true), (true, false)])
    func aMachineInterruptsItself(isSameMachine: Bool, isRunning: Bool) {
        let bench = Bench(cores: 2)
        bench.checksInvariants = false
        bench.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        let space = bench.create(.addressSpace, 8)
        let machines = (0..<2).map { core in
            bench.makeVirtualCPU(
                priority: 5, core: core, space: core == 0 || isSameMachine ? space : nil, affinity: UInt64(core))
        }
        let target = machines[0]
        let urgent = isRunning ? target : bench.makeThread(priority: 20)
        for form in [VirtualInterruptControl.setEdge, .enable] {
            for word in 0..<4 as Range<UInt64> {
                bench.succeed(.interruptControl, target.slot, form: form.rawValue, word, 0xFFFF_FFFF)
            }
        }
        bench.succeed(.interruptControl, target.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        bench.sleepRoot()
        bench.advance(3 * Self.millisecond)
        #expect(bench.current(0) == urgent.context && bench.current(1) == machines[1].context)
        let before = bench.model.cores[0].interruptCount
        for interrupt in 40..<60 as Range<UInt32> {
            bench.enter(1) { K.pend($0, target.context, interrupt) }
            bench.settle(0)
        }
        #expect(bench.model.cores[0].interruptCount - before == (isSameMachine && isRunning ? 20 : 8))
    }
}
