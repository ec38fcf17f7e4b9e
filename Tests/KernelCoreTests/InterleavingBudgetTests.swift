import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// One core charges and renews budgets, while another one asks for overruns or destroys the scheduling context.
@Suite struct InterleavingBudgetTests {
    private let scenario = KernelScenario(cores: 2)
    private let counts = Counts()

    private final class Counts {
        var asked: [UInt64] = []
    }

    /// An overrun that is not in the count is reported to the one who asked.
    @Test func anOverrunIsCountedOrTold() {
        let time = scenario.fixture.object(scenario.fixture.create(.schedulingContext), as: SchedulingContext.self)
        scenario.name(time, "time")
        scenario.atStart = { [counts] in counts.asked = [] }
        scenario.body(0) { _ in for _ in 0..<2 { counts.asked.append(time.pointee.takeOverruns()) } }
        scenario.body(1) { _ in for _ in 0..<3 { _ = time.pointee.countOverrun() } }
        scenario.explore(.deep) { [counts] in
            guard counts.asked[0] <= counts.asked[1] else { return "the count went back" }
            // 1 if an overrun was reported after the last question, so that the hearer will ask again.
            let isTold = time.pointee.overrunToldWord.load() == 1
            return counts.asked[1] == 3 || isTold ? nil : "\(counts.asked[1]) of 3 were counted, and nobody told"
        }
    }

    /// An overrun after the binding of another notification is told there.
    @Test func anOverrunIsToldToTheNotificationThatIsBound() {
        let fixture = scenario.fixture
        let slot = fixture.create(.schedulingContext)
        let time = fixture.object(slot, as: SchedulingContext.self)
        let slots = (0...1).map { _ in fixture.create(.notification) }
        let notifications = slots.map { fixture.object($0, as: KernelCore.Notification.self) }
        scenario.name(time, "time")
        let bind = ScheduleControl.bindOverrun.rawValue
        fixture.succeed(.scheduleControl, slot, form: bind, UInt64(slots[0]), 1)
        // Nobody has asked since then.
        _ = time.pointee.countOverrun()
        let chief = fixture.makeThread(priority: 10)
        fixture.sleepRoot()
        scenario.program(chief.context, scenario.operation(.scheduleControl, slot, form: bind, UInt64(slots[1]), 1))
        var found: [Int?] = []
        scenario.atStart = { found = [] }
        // `chargeBudget` does the same.
        scenario.body(1) { _ in
            guard time.pointee.countOverrun() else { return }
            found.append(
                K.look(time.pointee.overrun).flatMap { look in notifications.firstIndex { $0 == look.notification } })
        }
        scenario.explore(.deep) {
            guard let first = found.first else {
                return time.pointee.overrunToldWord.load() == 0 ? nil : "the next overrun will not be told either"
            }
            return first == 1 ? nil : "told the old one, or nobody"
        }
    }

    /// Makes a scheduling context of core 1 whose budget is used up, without a context, at the end of its period. Its
    /// core is about to renew it. Returns its slot.
    private func makeExpiring(of region: UInt32) -> UInt32 {
        let fixture = scenario.fixture
        let slot = fixture.freeSlot()
        fixture.succeed(.create, region, form: UInt32(ObjectKind.schedulingContext.rawValue), 0, UInt64(slot))
        fixture.succeed(.scheduleControl, slot, form: ScheduleControl.configure.rawValue, 1, 10, 1000, 100, 1000)
        let thread = fixture.create(.thread)
        let user = Tenant(context: fixture.object(thread, as: ExecutionContext.self), slot: thread, scheduling: slot)
        fixture.configure(user, core: 1)
        fixture.start(user)
        fixture.advance(100)
        let time = fixture.object(slot, as: SchedulingContext.self), isExhausted = time.pointee.isExhausted
        #expect(isExhausted)
        fixture.delete(thread)
        scenario.name(time, "time")
        return slot
    }

    private func passPeriod() {
        scenario.fixture.sleepRoot()
        scenario.atStart = { [model = scenario.fixture.model] in model.advance(by: 1000) }
    }

    /// A scheduling context is renewed on its core and configured on another one. All of its values are as configured.
    @Test func timeThatIsRenewedIsNotConfiguredMeanwhile() {
        let fixture = scenario.fixture
        let slot = makeExpiring(of: fixture.region), time = fixture.object(slot, as: SchedulingContext.self)
        let chief = fixture.makeThread(priority: 10)
        passPeriod()
        scenario.program(
            chief.context,
            scenario.operation(.scheduleControl, slot, form: ScheduleControl.configure.rawValue, 0, 5, 1000, 50, 500))
        scenario.explore(.deep) {
            let status = chief.context.pointee.frame.x[0], isDone = status == Status.ok.rawValue
            guard isDone || status == Status.badState.rawValue else { return "told \(status)" }
            guard fixture.core(1).pointee.budgetTimers.first == nil else { return "it is in a queue" }
            let isNew = time.pointee.remaining == Ticks(50) && time.pointee.periodEnd == Ticks(0)
            return isDone == isNew ? nil : "\(time.pointee.remaining) are left until \(time.pointee.periodEnd)"
        }
    }

    /// A scheduling context is renewed on its core and destroyed on another one, and its memory is used anew.
    @Test func timeThatIsRenewedIsNotDestroyedMeanwhile() {
        let fixture = scenario.fixture
        let part = fixture.create(.region, 1 << 13), fresh = fixture.freeSlot()
        _ = makeExpiring(of: part)
        let chief = fixture.makeThread(priority: 10)
        passPeriod()
        scenario.program(chief.context, scenario.untilDone(.revoke, part))
        scenario.program(
            chief.context,
            scenario.operation(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fresh)))
        scenario.explore(.deep) {
            guard chief.context.pointee.frame.x[0] == Status.ok.rawValue, !fixture.isEmpty(fresh) else {
                return "not done: \(chief.context.pointee.frame.x[0])"
            }
            guard fixture.core(1).pointee.budgetTimers.first == nil else { return "a timer leads to what is gone" }
            let words = UnsafeBufferPointer(start: fixture.memory(fresh), count: Int(KernelCore.Notification.size / 8))
            return words.allSatisfy { $0 == 0 } ? nil : "memory is used that belongs to something else"
        }
    }
}
