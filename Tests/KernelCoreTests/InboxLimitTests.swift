import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The news in a core's inbox, and the limit on interrupts.
@Suite struct InboxLimitTests {
    /// Stops that other cores request raise stopped-notifications through the core's own inbox, and these count, too.
    @Test func newsOfStopsIsWithinTheLimit() {
        let fixture = Fixture(cores: 4)
        fixture.model.kernelBoard.pointee.millisecond = Ticks(1000)
        fixture.checksInvariants = false
        let supervisor = fixture.makeThread(priority: 3, notified: true)
        let threads = (0..<24).map { _ in fixture.makeThread(priority: 5) }
        for thread in threads {
            let told = fixture.create(.notification)
            fixture.succeed(.notificationBind, told, form: NotificationBind.thread.rawValue, UInt64(supervisor.slot))
            fixture.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(told), 1)
        }
        let attackers = (1..<4).map { fixture.makeThread(priority: 10, core: $0) }
        let victim = fixture.makeThread(priority: 31)
        fixture.advance(2000)
        #expect(fixture.current() == victim.context)
        var most = 0
        for _ in 0..<4 {
            let before = fixture.model.cores[0].interruptCount
            for step in 0..<1000 {
                fixture.model.advance(by: 1)
                for (index, attacker) in attackers.enumerated() {
                    fixture.settle(index + 1)
                    let form = step & 1 == 0 ? ContextControl.stop : .start
                    let thread = threads[index * 8 + step / 2 % 8]
                    fixture.operate(.contextControl, thread.slot, form: form.rawValue, by: attacker.context)
                }
                fixture.settle()
            }
            most = max(most, fixture.model.cores[0].interruptCount - before)
        }
        #expect(most > 0 && most <= 2 * Int(K.interruptsPerMillisecond))
    }

    /// News waits behind the other items of a busy core's inbox. Each interrupt works off one batch of items, and the
    /// number of interrupts in a millisecond is limited (docs/caveats.md).
    @Test func newsWaitsForWhatIsInTheInboxBeforeIt() {
        let fixture = Fixture(cores: 4)
        fixture.model.kernelBoard.pointee.millisecond = Ticks(1000)
        fixture.checksInvariants = false
        let crowd = (0..<200).map { _ in fixture.makeThread(passive: true, starts: false) }
        let bells = crowd.map { thread in
            let bell = fixture.create(.notification)
            fixture.succeed(.notificationBind, bell, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
            return bell
        }
        let sender = fixture.makeThread(priority: 10, core: 1)
        let hearer = fixture.makeThread(priority: 20, notified: true), spinner = fixture.makeThread(priority: 10)
        fixture.sleepRoot()
        fixture.wait(hearer)
        fixture.advance(5000)
        #expect(fixture.current() == spinner.context)
        for bell in bells[0..<4] {
            fixture.succeed(.signal, bell, 1, by: sender.context)
            fixture.settle()
        }
        fixture.succeed(.signal, hearer.notification, 1, by: sender.context)
        for bell in bells[4...] { fixture.succeed(.signal, bell, 1, by: sender.context) }
        var ticks: UInt64 = 0
        while fixture.current() != hearer.context, ticks < 100_000 {
            fixture.advance(10)
            ticks += 10
        }
        let perMillisecond = Int(K.interruptsPerMillisecond) / 4 * K.inboxBatch
        #expect(ticks <= 1000 * UInt64(2 + crowd.count / perMillisecond), "\(ticks) ticks, of 1000 in a millisecond")
    }

    /// Makes two cores, of which core 0 may not interrupt itself any more in this millisecond.
    private func exhausted() -> (fixture: Fixture, post: (Int, Int) -> Void) {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        fixture.model.kernelBoard.pointee.millisecond = Ticks(1000)
        fixture.core(0).pointee.shares[0] = InterruptShare(end: fixture.model.now + Ticks(1000), left: 0)
        func post(_ index: Int, _ count: Int) {
            let sinks = (0..<count).map { _ in
                fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
            }
            fixture.model.cores[index].run { for sink in sinks { K.post(fixture.core(index), sink, to: CoreID(0)) } }
        }
        return (fixture, post)
    }

    /// An entry takes eight items. The interrupts for the rest count as this core's own.
    @Test func theRestOfALongInboxIsWithinTheLimit() {
        for (count, isLeft) in [(8, false), (9, true)] {
            let (fixture, post) = exhausted()
            let core = fixture.model.cores[0]
            post(1, count)
            fixture.enter { _ in _ = core.takeInterrupt() }
            #expect((core.kernelCore.pointee.unread != 0) == isLeft && core.pendingInterrupt == nil)
            fixture.advance(999)
            #expect((core.kernelCore.pointee.unread != 0) == isLeft)
            fixture.advance(1)
            #expect(core.kernelCore.pointee.unread == 0)
        }
    }

    /// News that this core's own tenants cause comes at once, also after the core has worked off items of other cores.
    @Test func newsOfItsOwnTenantsNeedsNoShare() {
        let (fixture, post) = exhausted()
        for _ in 0..<2 {
            post(0, 1)
            #expect(fixture.model.cores[0].pendingInterrupt != nil)
            fixture.settle()
            post(1, 1)
            fixture.settle()
        }
    }
}
