import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Memory behind a table's last slot, or in slot 0, looks like a capability here, but is none.
@Suite struct LookUpEdgeTests {
    private let fixture = Fixture(cores: 1, memory: 4 << 20)
    private let notification, portal, table, space, extent, time: UInt32
    private let thread: Tenant
    private let machine: Tenant
    private static let end = UInt64(Fixture.tableSlots)

    init() {
        notification = fixture.create(.notification)
        portal = fixture.create(.portal)
        table = fixture.create(.capabilityTable, 16)
        space = fixture.makeMachineSpace(pages: 4)
        extent = fixture.create(.extent, Page.size, alignment: Page.size)
        time = fixture.makeScheduling(priority: 3)
        thread = fixture.makeThread(starts: false)
        machine = fixture.makeVirtualCPU(starts: false)
        fixture.checksInvariants = false
    }

    private func node(_ number: UInt64) -> Ref<Capability> {
        Ref(at: fixture.table.pointee.slots + number * Capability.size)
    }

    /// Makes a node that is no slot look like the contents of a slot.
    private func forge(_ number: UInt64, like slot: UInt32) {
        let forged = node(number), real = fixture.slot(slot)
        forged.pointee.object = real.pointee.object
        forged.pointee.word = real.pointee.word
        forged.pointee.parent = nil
        forged.pointee.firstChild = nil
        forged.pointee.extra = 0
        forged.pointee.header.store(real.pointee.header.relaxedLoad())
    }

    /// Performs an operation with a real slot, and with numbers of no slot.
    private func check(
        _ slot: UInt32, isWord: Bool = true, isOptional: Bool = false, _ name: String,
        _ operation: (UInt64) -> Answer
    ) {
        let found = operation(UInt64(slot)).status
        #expect(found != .badCapability && found != .unsupported, "\(name): \(found as Any)")
        var others = [Self.end, Self.end + 1, 0xFFFF_FFFF]
        if isWord { others += [1 << 32 | UInt64(slot), 1 << 63 | UInt64(slot), .max] }
        if !isOptional { others.append(0) }
        forge(Self.end, like: slot)
        forge(Self.end + 1, like: slot)
        if !isOptional { forge(0, like: slot) }
        for number in others { #expect(operation(number).status == .badCapability, "\(name): \(number)") }
        for number in [0, Self.end, Self.end + 1] { node(number).pointee.header.store(0) }
    }

    /// Checks the slot in the selector.
    private func check(_ slot: UInt32, _ operation: ABI.Operation, form: UInt32 = 0, _ words: UInt64...) {
        check(slot, isWord: false, "\(operation) \(form)") {
            fixture.operate(fixture.root, operation.rawValue, Selector(slot: UInt32($0), form: form), words)
        }
    }

    private var free: UInt64 { UInt64(fixture.freeSlot()) }

    @Test func theSelectorsSlot() {
        check(notification, .signal, 1)
        check(notification, .poll)
        check(portal, .call)
        check(notification, .timer, form: TimerForm.cancel.rawValue)
        check(notification, .revoke)
        check(notification, .derive, UInt64(InitialSlot.table), free, 15)
        check(fixture.region, .create, form: UInt32(ObjectKind.notification.rawValue), 0, free)
        check(space, .map, UInt64(extent), 0x1000, 0, Page.size, 3, free)
        check(space, .doorbell, 0x1000, UInt64(notification), 1)
        check(thread.slot, .contextControl, form: ContextControl.status.rawValue)
        check(thread.slot, .contextState, form: ContextState.read.rawValue, 0, 1)
        check(notification, .notificationBind, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        check(time, .scheduleControl, form: ScheduleControl.configure.rawValue, 0, 3, 1000)
        check(machine.slot, .interruptControl, form: VirtualInterruptControl.setEdge.rawValue, 1, 1)
        fixture.verify()
    }

    @Test func slotsInWords() {
        let root = fixture.root
        func operate(_ operation: ABI.Operation, _ slot: UInt32, form: UInt32 = 0, _ words: UInt64...) -> Answer {
            fixture.operate(root, operation.rawValue, Selector(slot: slot, form: form), words)
        }
        check(extent, "map's extent") { operate(.map, space, $0, 0x2000, 0, Page.size, 3, free) }
        check(table, "derive's table") { operate(.derive, notification, $0, 5, 15) }
        check(thread.slot, isOptional: true, "a portal's thread") {
            operate(.create, fixture.region, form: UInt32(ObjectKind.portal.rawValue), $0, free)
        }
        check(thread.slot, "bind's thread") {
            operate(.notificationBind, notification, form: NotificationBind.thread.rawValue, $0)
        }
        check(machine.slot, "bind's virtual CPU") {
            operate(.notificationBind, notification, form: NotificationBind.virtualInterrupt.rawValue, $0, 40)
        }
        check(notification, isOptional: true, "a doorbell's notification") { operate(.doorbell, space, 0x1000, $0, 1) }
        check(notification, isOptional: true, "whom a stop is told") {
            operate(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, $0, 1)
        }
        check(notification, isOptional: true, "whom an overrun is told") {
            operate(.scheduleControl, time, form: ScheduleControl.bindOverrun.rawValue, $0, 1)
        }
        check(portal, "a portal that is bound") {
            operate(.contextControl, thread.slot, form: ContextControl.bindPortal.rawValue, $0)
        }
        check(extent, isOptional: true, "a message page") {
            operate(.contextControl, thread.slot, form: ContextControl.setMessagePage.rawValue, $0, 0)
        }
    }

    @Test func thePartsOfAContext() {
        func configure(_ space: UInt64, _ table: UInt64, _ portal: UInt64, _ time: UInt64) -> Answer {
            fixture.operate(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, space, table, portal, time, 0)
        }
        let (home, own) = (UInt64(InitialSlot.space), UInt64(thread.scheduling))
        check(InitialSlot.space, "space") { configure($0, 0, 0, own) }
        check(table, isOptional: true, "table") { configure(home, $0, 0, own) }
        check(portal, isOptional: true, "portal") { configure(home, 0, $0, own) }
        check(thread.scheduling, isOptional: true, "time") { configure(home, 0, 0, $0) }
    }

    /// Slots that receive: the memory behind a table is free, and stays free.
    @Test func placesThatReceive() {
        let inner = fixture.object(table, as: CapabilityTable.self)
        #expect(inner.pointee.count == 16)
        let behind = Ref<Capability>(at: inner.pointee.slots + 16 * Capability.size)
        #expect(behind.pointee.kind == .none)
        func derive(_ table: UInt32, _ slot: UInt64) -> Status? {
            fixture.operate(.derive, notification, UInt64(table), slot, 15).status
        }
        func create(_ slot: UInt64) -> Status? {
            fixture.operate(.create, fixture.region, form: UInt32(ObjectKind.notification.rawValue), 0, slot).status
        }
        for slot in [0, 16, 17, 0xFFFF_FFFF, 1 << 32 | 3, .max] as [UInt64] {
            #expect(derive(table, slot) == .badCapability)
        }
        #expect(derive(table, 15) == .ok && derive(table, 15) == .occupied)
        for slot in [0, Self.end, Self.end + 1, 1 << 32 | free, .max] as [UInt64] {
            #expect(derive(InitialSlot.table, slot) == .badCapability && create(slot) == .badCapability)
        }
        #expect(behind.pointee.isEmpty && node(Self.end).pointee.isEmpty && node(0).pointee.isEmpty)
        #expect(create(Self.end - 1) == .ok)
    }

    /// Makes a thread with a small table.
    @Test func aSmallTableEndsEarlier() {
        var small = fixture.makeThread(priority: 31, starts: false)
        fixture.succeed(.derive, notification, UInt64(table), 15, 15)
        let inner = fixture.object(table, as: CapabilityTable.self)
        // The next object lies behind the table, and looks like the last slot here.
        let behind = Ref<Capability>(at: inner.pointee.slots + 16 * Capability.size)
        let header = behind.pointee.header.relaxedLoad()
        small.space = InitialSlot.space
        fixture.succeed(
            .contextControl, small.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table), 0, UInt64(small.scheduling), 0)
        fixture.start(small)
        #expect(fixture.current() == small.context)
        fixture.succeed(.signal, 15, 1, by: small.context)
        let (object, word) = (behind.pointee.object, behind.pointee.word)
        behind.pointee.object = fixture.slot(notification).pointee.object
        behind.pointee.header.store(inner.pointee.slot(15)!.pointee.header.relaxedLoad())
        #expect(fixture.operate(.signal, 16, 1, by: small.context).status == .badCapability)
        behind.pointee.header.store(header)
        behind.pointee.object = object
        behind.pointee.word = word
    }

    /// All required rights must be there, on each way to a capability.
    @Test func eachRightIsAskedFor() {
        func weak(_ slot: UInt32, without right: Rights) -> UInt32 {
            fixture.derive(slot, rights: Rights(rawValue: Rights.all.rawValue & ~right.rawValue))
        }
        func status(_ operation: ABI.Operation, _ slot: UInt32, form: UInt32 = 0, _ words: UInt64...) -> Status? {
            fixture.operate(fixture.root, operation.rawValue, Selector(slot: slot, form: form), words).status
        }
        for (right, operation) in [(Rights.write, ABI.Operation.signal), (.read, .poll)] {
            #expect(status(operation, weak(notification, without: right), 1) == .noRights)
            #expect(status(operation, fixture.derive(notification, rights: right), 1) == .ok)
        }
        #expect(status(.call, weak(portal, without: .write)) == .noRights)
        #expect(status(.call, fixture.derive(portal, rights: .write)) == .dead)
        #expect(status(.derive, weak(notification, without: .manage), UInt64(InitialSlot.table), free, 15) == .noRights)
        let form = UInt32(ObjectKind.notification.rawValue)
        #expect(status(.create, weak(fixture.region, without: .manage), form: form, 0, free) == .noRights)
        #expect(status(.create, fixture.derive(fixture.region, rights: .manage), form: form, 0, free) == .ok)
        #expect(status(.map, weak(space, without: .write), UInt64(extent), 0x1000, 0, Page.size, 3, free) == .noRights)
        for right in [Rights.read, .write, .execute] {
            let mine = UInt64(weak(extent, without: right))
            #expect(status(.map, space, mine, 0x1000, 0, Page.size, UInt64(right.rawValue), free) == .noRights)
            #expect(status(.map, space, mine, 0x1000, 0, Page.size, UInt64(7 & ~right.rawValue), free) == .ok)
            #expect(fixture.revoke(UInt32(mine)) == .ok)
        }
        let control = ContextControl.status.rawValue
        #expect(status(.contextControl, weak(thread.slot, without: .manage), form: control) == .noRights)
        #expect(status(.contextControl, fixture.derive(thread.slot, rights: .manage), form: control) == .ok)
        // The operation accepts either kind of context, and nothing else.
        #expect(status(.contextControl, machine.slot, form: control) == .ok)
        #expect(status(.contextControl, notification, form: control) == .badCapability)
        let bind = NotificationBind.thread.rawValue
        #expect(
            status(.notificationBind, notification, form: bind, UInt64(weak(thread.slot, without: .manage)))
                == .noRights)
        #expect(status(.notificationBind, notification, form: bind, UInt64(portal)) == .badCapability)
    }
}
