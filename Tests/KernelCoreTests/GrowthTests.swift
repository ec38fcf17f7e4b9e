import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Each operation that makes a capability or a binding refuses to make it below one that is being revoked. Otherwise
/// the revocation need not end, and an object could be bound to something that is about to disappear.
@Suite struct GrowthTests {
    private let fixture = Fixture()
    private let thread: Tenant
    private let notification: UInt32

    init() {
        fixture.checksInvariants = false
        thread = fixture.makeThread(priority: 5, starts: false)
        notification = fixture.create(.notification)
    }

    /// Expects that the operation is refused during a revocation of `node`, and succeeds afterwards.
    private func expectRefusal(
        below node: UInt32, sourceLocation: SourceLocation = #_sourceLocation, _ operation: () -> Answer
    ) {
        let slot = fixture.slot(node)
        slot.mark(Revocation.inProgress)
        #expect(operation().status == .badState, sourceLocation: sourceLocation)
        slot.pointee.extra = slot.pointee.extra & ~Revocation.inProgress
        #expect(operation().status == .ok, sourceLocation: sourceLocation)
    }

    /// The notification and its hearer both count.
    @Test func aSink() {
        for node in [notification, thread.slot] {
            expectRefusal(below: node) {
                fixture.operate(
                    .notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
            }
        }
    }

    @Test func thePartsOfAContext() {
        let portal = fixture.makePortal(to: thread), table = fixture.create(.capabilityTable, 16)
        for node in [InitialSlot.space, table, portal, thread.scheduling] {
            expectRefusal(below: node) {
                fixture.operate(
                    .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
                    UInt64(table), UInt64(portal), UInt64(thread.scheduling), 0)
            }
        }
    }

    @Test func laterBindingsOfAContextAreRefused() {
        let extent = fixture.create(.extent, Page.size, alignment: Page.size)
        expectRefusal(below: extent) {
            fixture.operate(
                .contextControl, thread.slot, form: ContextControl.setMessagePage.rawValue, UInt64(extent), 0)
        }
        expectRefusal(below: notification) {
            fixture.operate(
                .contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), 1)
        }
        expectRefusal(below: notification) {
            fixture.operate(
                .scheduleControl, thread.scheduling, form: ScheduleControl.bindOverrun.rawValue, UInt64(notification),
                1)
        }
    }

    @Test func interruptsAndDoorbells() {
        let interrupt = fixture.freeSlot()
        expectRefusal(below: fixture.region) {
            fixture.operate(
                .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
                UInt64(fixture.region))
        }
        expectRefusal(below: notification) {
            fixture.operate(
                .interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        }
        let space = fixture.makeMachineSpace()
        expectRefusal(below: notification) { fixture.operate(.doorbell, space, 0x1000, UInt64(notification), 1) }
    }

    /// A portal's thread, and the source of a derived capability.
    @Test func portalsAndDerivedCapabilities() {
        let portal = fixture.freeSlot(), child = fixture.freeSlot()
        expectRefusal(below: thread.slot) {
            fixture.operate(
                .create, fixture.region, form: UInt32(ObjectKind.portal.rawValue), UInt64(thread.slot), UInt64(portal))
        }
        expectRefusal(below: notification) {
            fixture.operate(.derive, notification, UInt64(InitialSlot.table), UInt64(child), 15)
        }
    }

    /// This also holds below an object whose region, or the region around that, is being revoked.
    @Test(arguments: [false, true]) func objectsOfARegionThatIsTakenBack(usesFastPath: Bool) {
        fixture.usesFastPath = usesFastPath
        let outer = fixture.create(.region, 1 << 17), inner = fixture.freeSlot(), extent = fixture.freeSlot()
        let space = fixture.create(.addressSpace, 4), slot = fixture.freeSlot()
        fixture.succeed(.create, outer, form: UInt32(ObjectKind.region.rawValue), 1 << 16, UInt64(inner))
        fixture.succeed(
            .create, inner, form: UInt32(ObjectKind.extent.rawValue), 8 * Page.size, UInt64(extent), Page.size)
        let part = fixture.derive(extent)
        // The tables exist from now on, so that the fast path accepts allowed mappings.
        fixture.succeed(.map, space, UInt64(extent), 0, 0, Page.size, 3, UInt64(fixture.freeSlot()))
        for node in [extent, inner, outer] {
            for source in [extent, part] {
                expectRefusal(below: node) {
                    fixture.operate(.map, space, UInt64(source), Page.size, 0, Page.size, 3, UInt64(slot))
                }
                #expect(fixture.hasUsedFastPath == usesFastPath)
                fixture.delete(slot)
                expectRefusal(below: node) {
                    fixture.operate(.derive, source, UInt64(InitialSlot.table), UInt64(slot), 15)
                }
                fixture.delete(slot)
            }
        }
    }
}

/// The same rules hold during revocations.
@Suite struct GrowthMeanwhileTests {
    private let fixture = Fixture(cores: 2)

    /// The objects of a region are gone already, but a core may still use one. Until then nothing is made of the
    /// region.
    @Test(arguments: [false, true]) func ofARegionThatWaitsForACore(isDeleted: Bool) {
        let form = isDeleted ? RevokeForm.delete : .descendants
        let part = fixture.create(.region, 1 << 16), slot = fixture.freeSlot()
        let create = UInt32(ObjectKind.notification.rawValue)
        fixture.succeed(.create, part, form: create, 0, UInt64(slot))
        fixture.delete(slot)
        K.enter(fixture.core(1))
        #expect(fixture.operate(.revoke, part, form: form.rawValue).status == .again)
        #expect(fixture.operate(.create, part, form: create, 0, UInt64(slot)).status == .badState)
        #expect(fixture.operate(.derive, part, UInt64(InitialSlot.table), UInt64(slot), 15).status == .badState)
        K.leave(fixture.core(1))
        #expect(fixture.revoke(part, form) == .ok && fixture.isEmpty(part) == isDeleted)
        if !isDeleted { fixture.succeed(.create, part, form: create, 0, UInt64(slot)) }
    }

    /// An object without descendants waits for its own core, or for its next piece.
    @Test func ofACapabilityThatIsBeingDeleted() {
        let thread = fixture.makeThread(core: 1), extent = fixture.create(.extent, 16 * Page.size, alignment: Page.size)
        let space = fixture.create(.addressSpace, 4), mapping = fixture.freeSlot(), slot = fixture.freeSlot()
        fixture.succeed(.map, space, UInt64(extent), 0, 0, 16 * Page.size, 3, UInt64(mapping))
        for node in [thread.slot, mapping] {
            #expect(fixture.operate(.revoke, node, form: RevokeForm.delete.rawValue).status == .again)
            let extra = fixture.slot(node).pointee.extra
            #expect(extra & Revocation.inProgress != 0 && extra & Revocation.deleting != 0)
        }
        #expect(fixture.operate(.derive, thread.slot, UInt64(InitialSlot.table), UInt64(slot), 15).status == .badState)
        let portal = UInt32(ObjectKind.portal.rawValue)
        #expect(
            fixture.operate(.create, fixture.region, form: portal, UInt64(thread.slot), UInt64(slot)).status
                == .badState)
        for node in [thread.slot, mapping] { #expect(fixture.revoke(node, .delete) == .ok && fixture.isEmpty(node)) }
        // The slot of a removed capability does not restrict the capability that it holds next.
        fixture.succeed(.derive, fixture.region, UInt64(InitialSlot.table), UInt64(thread.slot), 15)
        fixture.succeed(.derive, thread.slot, UInt64(InitialSlot.table), UInt64(slot), 15)
    }
}
