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

    /// Also below an object whose region, or the region around that, is being taken back.
    @Test(arguments: [false, true]) func objectsOfARegionThatIsTakenBack(usesFastPath: Bool) {
        bench.usesFastPath = usesFastPath
        let outer = bench.create(.region, 1 << 17), inner = bench.freeSlot(), extent = bench.freeSlot()
        let space = bench.create(.addressSpace, 4), slot = bench.freeSlot()
        bench.succeed(.create, outer, form: UInt32(ObjectKind.region.rawValue), 1 << 16, UInt64(inner))
        bench.succeed(
            .create, inner, form: UInt32(ObjectKind.extent.rawValue), 8 * Page.size, UInt64(extent), Page.size)
        let part = bench.derive(extent)
        // The tables exist from now on, so that the fast path takes what is allowed.
        bench.succeed(.map, space, UInt64(extent), 0, 0, Page.size, 3, UInt64(bench.freeSlot()))
        for node in [extent, inner, outer] {
            for source in [extent, part] {
                expectRefusal(below: node) {
                    bench.operate(.map, space, UInt64(source), Page.size, 0, Page.size, 3, UInt64(slot))
                }
                #expect(bench.hasUsedFastPath == usesFastPath)
                bench.delete(slot)
                expectRefusal(below: node) {
                    bench.operate(.derive, source, UInt64(InitialSlot.table), UInt64(slot), 15)
                }
                bench.delete(slot)
            }
        }
    }
}

/// The same, by revocations that are under way.
@Suite struct GrowthMeanwhileTests {
    private let bench = Bench(cores: 2)

    /// The objects of a region are gone already, but a core may still use one: nothing is made of the region until
    /// then.
    @Test(arguments: [false, true]) func ofARegionThatWaitsForACore(isDeleted: Bool) {
        let form = isDeleted ? RevokeForm.delete : .descendants
        let part = bench.create(.region, 1 << 16), slot = bench.freeSlot()
        let create = UInt32(ObjectKind.notification.rawValue)
        bench.succeed(.create, part, form: create, 0, UInt64(slot))
        bench.delete(slot)
        K.enter(bench.core(1))
        #expect(bench.operate(.revoke, part, form: form.rawValue).status == .again)
        #expect(bench.operate(.create, part, form: create, 0, UInt64(slot)).status == .badState)
        #expect(bench.operate(.derive, part, UInt64(InitialSlot.table), UInt64(slot), 15).status == .badState)
        K.leave(bench.core(1))
        #expect(bench.revoke(part, form) == .ok && bench.isEmpty(part) == isDeleted)
        if !isDeleted { bench.succeed(.create, part, form: create, 0, UInt64(slot)) }
    }

    /// An object that has no descendants waits for its own core, or for its next piece.
    @Test func ofACapabilityThatIsBeingDeleted() {
        let thread = bench.makeThread(core: 1), extent = bench.create(.extent, 16 * Page.size, alignment: Page.size)
        let space = bench.create(.addressSpace, 4), mapping = bench.freeSlot(), slot = bench.freeSlot()
        bench.succeed(.map, space, UInt64(extent), 0, 0, 16 * Page.size, 3, UInt64(mapping))
        for node in [thread.slot, mapping] {
            #expect(bench.operate(.revoke, node, form: RevokeForm.delete.rawValue).status == .again)
            let extra = bench.slot(node).pointee.extra
            #expect(extra & Revocation.inProgress != 0 && extra & Revocation.deleting != 0)
        }
        #expect(bench.operate(.derive, thread.slot, UInt64(InitialSlot.table), UInt64(slot), 15).status == .badState)
        let portal = UInt32(ObjectKind.portal.rawValue)
        #expect(
            bench.operate(.create, bench.region, form: portal, UInt64(thread.slot), UInt64(slot)).status == .badState)
        for node in [thread.slot, mapping] { #expect(bench.revoke(node, .delete) == .ok && bench.isEmpty(node)) }
        // The slot of what is gone says nothing of the capability that it holds next.
        bench.succeed(.derive, bench.region, UInt64(InitialSlot.table), UInt64(thread.slot), 15)
        bench.succeed(.derive, thread.slot, UInt64(InitialSlot.table), UInt64(slot), 15)
    }
}
