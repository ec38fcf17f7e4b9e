import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Each operation that makes a capability or a binding refuses to make it below one that is being revoked. Otherwise
/// revoking need not end, and an object could be bound to something that is about to go.
@Suite struct GrowthTests {
    private let bench = Bench()
    private let thread: Tenant
    private let notification: UInt32

    init() {
        bench.checksInvariants = false
        thread = bench.makeThread(priority: 5, starts: false)
        notification = bench.create(.notification)
    }

    /// While a revocation of `node` is under way the operation is refused; when it is over it can be done.
    private func expectRefusal(
        below node: UInt32, sourceLocation: SourceLocation = #_sourceLocation, _ operation: () -> Answer
    ) {
        let slot = bench.slot(node)
        slot.mark(Revocation.inProgress)
        #expect(operation().status == .badState, sourceLocation: sourceLocation)
        slot.pointee.extra = slot.pointee.extra & ~Revocation.inProgress
        #expect(operation().status == .ok, sourceLocation: sourceLocation)
    }

    /// Both the notification and who hears of it.
    @Test func aSink() {
        for node in [notification, thread.slot] {
            expectRefusal(below: node) {
                bench.operate(
                    .notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
            }
        }
    }

    @Test func thePartsOfAContext() {
        let portal = bench.makePortal(to: thread), table = bench.create(.capabilityTable, 16)
        for node in [InitialSlot.space, table, portal, thread.scheduling] {
            expectRefusal(below: node) {
                bench.operate(
                    .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
                    UInt64(table), UInt64(portal), UInt64(thread.scheduling), 0)
            }
        }
    }

    @Test func whatAContextIsGivenLater() {
        let extent = bench.create(.extent, Page.size, alignment: Page.size)
        expectRefusal(below: extent) {
            bench.operate(
                .contextControl, thread.slot, form: ContextControl.setMessagePage.rawValue, UInt64(extent), 0)
        }
        expectRefusal(below: notification) {
            bench.operate(
                .contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), 1)
        }
        expectRefusal(below: notification) {
            bench.operate(
                .scheduleControl, thread.scheduling, form: ScheduleControl.bindOverrun.rawValue, UInt64(notification),
                1)
        }
    }

    @Test func interruptsAndDoorbells() {
        let interrupt = bench.freeSlot()
        expectRefusal(below: bench.region) {
            bench.operate(
                .system, InitialSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
                UInt64(bench.region))
        }
        expectRefusal(below: notification) {
            bench.operate(
                .interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        }
        let space = bench.create(.addressSpace, 8)
        expectRefusal(below: notification) { bench.operate(.doorbell, space, 0x1000, UInt64(notification), 1) }
    }

    /// A portal's thread; the source of a derived capability.
    @Test func portalsAndDerivedCapabilities() {
        let portal = bench.freeSlot(), child = bench.freeSlot()
        expectRefusal(below: thread.slot) {
            bench.operate(
                .create, bench.region, form: UInt32(ObjectKind.portal.rawValue), UInt64(thread.slot), UInt64(portal))
        }
        expectRefusal(below: notification) {
            bench.operate(.derive, notification, UInt64(InitialSlot.table), UInt64(child), 15)
        }
    }
}
