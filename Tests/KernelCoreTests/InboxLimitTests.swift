import ABI
import MachineModel
import Testing

@testable import KernelCore

/// News in a core's inbox against the limit on interrupts.
@Suite struct InboxLimitTests {
    /// Stops that other cores ask for raise stopped-notifications through the core's own inbox: these count, too.
    @Test func newsOfStopsIsWithinTheLimit() {
        let bench = Bench(cores: 4)
        bench.model.kernelBoard.pointee.millisecond = Ticks(1000)
        bench.checksInvariants = false
        let supervisor = bench.makeThread(priority: 3, notified: true)
        let threads = (0..<24).map { _ in bench.makeThread(priority: 5) }
        for thread in threads {
            let told = bench.create(.notification)
            bench.succeed(.notificationBind, told, form: NotificationBind.thread.rawValue, UInt64(supervisor.slot))
            bench.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(told), 1)
        }
        let attackers = (1..<4).map { bench.makeThread(priority: 10, core: $0) }
        let victim = bench.makeThread(priority: 31)
        bench.advance(2000)
        #expect(bench.current() == victim.context)
        var most = 0
        for _ in 0..<4 {
            let before = bench.model.cores[0].interruptCount
            for step in 0..<1000 {
                bench.model.advance(by: 1)
                for (index, attacker) in attackers.enumerated() {
                    bench.settle(index + 1)
                    let form = step & 1 == 0 ? ContextControl.stop : .start
                    let thread = threads[index * 8 + step / 2 % 8]
                    bench.operate(.contextControl, thread.slot, form: form.rawValue, by: attacker.context)
                }
                bench.settle()
            }
            most = max(most, bench.model.cores[0].interruptCount - before)
        }
        #expect(most > 0 && most <= 2 * Int(K.interruptsPerMillisecond))
    }

    /// News waits behind the other items of a busy core's inbox. Each interrupt works off one batch of them, and the
    /// number of interrupts in a millisecond is limited (docs/caveats.md).
    @Test func newsWaitsForWhatIsInTheInboxBeforeIt() {
        let bench = Bench(cores: 4)
        bench.model.kernelBoard.pointee.millisecond = Ticks(1000)
        bench.checksInvariants = false
        let crowd = (0..<200).map { _ in bench.makeThread(passive: true, starts: false) }
        let bells = crowd.map { thread in
            let bell = bench.create(.notification)
            bench.succeed(.notificationBind, bell, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
            return bell
        }
        let sender = bench.makeThread(priority: 10, core: 1)
        let hearer = bench.makeThread(priority: 20, notified: true), spinner = bench.makeThread(priority: 10)
        bench.sleepRoot()
        bench.wait(hearer)
        bench.advance(5000)
        #expect(bench.current() == spinner.context)
        for bell in bells[0..<4] {
            bench.succeed(.signal, bell, 1, by: sender.context)
            bench.settle()
        }
        bench.succeed(.signal, hearer.notification, 1, by: sender.context)
        for bell in bells[4...] { bench.succeed(.signal, bell, 1, by: sender.context) }
        var ticks: UInt64 = 0
        while bench.current() != hearer.context, ticks < 100_000 {
            bench.advance(10)
            ticks += 10
        }
        let perMillisecond = Int(K.interruptsPerMillisecond) / 4 * K.inboxBatch
        #expect(ticks <= 1000 * UInt64(2 + crowd.count / perMillisecond), "\(ticks) ticks, of 1000 in a millisecond")
    }

    /// Two cores, of which core 0 may not interrupt itself any more in this millisecond.
    private func exhausted() -> (bench: Bench, post: (Int, Int) -> Void) {
        let bench = Bench(cores: 2)
        bench.checksInvariants = false
        bench.model.kernelBoard.pointee.millisecond = Ticks(1000)
        bench.core(0).pointee.shares[0] = InterruptShare(end: bench.model.now + Ticks(1000), left: 0)
        func post(_ index: Int, _ count: Int) {
            let sinks = (0..<count).map { _ in
                bench.object(bench.create(.notification), as: KernelCore.Notification.self)
            }
            bench.model.cores[index].run { for sink in sinks { K.post(bench.core(index), sink, to: CoreID(0)) } }
        }
        return (bench, post)
    }

    /// An entry takes eight items. The interrupts for the rest count as this core's own.
    @Test func theRestOfALongInboxIsWithinTheLimit() {
        for (count, isLeft) in [(8, false), (9, true)] {
            let (bench, post) = exhausted()
            let core = bench.model.cores[0]
            post(1, count)
            bench.enter { _ in _ = core.takeInterrupt() }
            #expect((core.kernelCore.pointee.unread != 0) == isLeft && core.pendingInterrupt == nil)
            bench.advance(999)
            #expect((core.kernelCore.pointee.unread != 0) == isLeft)
            bench.advance(1)
            #expect(core.kernelCore.pointee.unread == 0)
        }
    }

    /// News that this core's own tenants cause comes at once, also after it has worked off what other cores sent.
    @Test func newsOfItsOwnTenantsNeedsNoShare() {
        let (bench, post) = exhausted()
        for _ in 0..<2 {
            post(0, 1)
            #expect(bench.model.cores[0].pendingInterrupt != nil)
            bench.settle()
            post(1, 1)
            bench.settle()
        }
    }
}
