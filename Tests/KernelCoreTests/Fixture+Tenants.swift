import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A thread or a virtual CPU that the fixture made, with the slots of its parts.
struct Tenant {
    var context: Ref<ExecutionContext>
    var slot: UInt32
    var scheduling: UInt32
    /// The slot of its notification, or 0 for none.
    var notification: UInt32 = 0
    var space: UInt32 = InitialSlot.space
    var guest: Ref<VirtualCPU> { context.pointee.guest! }
    var state: RunState { context.pointee.state }
}

extension Fixture {
    /// Makes an object of root's region, and returns its slot.
    func create(
        _ kind: ObjectKind, _ parameter: UInt64 = 0, alignment: UInt64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let slot = freeSlot()
        var answer: Answer
        // Large objects are zeroed in pieces.
        repeat {
            answer = operate(
                .create, region, form: UInt32(kind.rawValue), parameter, UInt64(slot), alignment,
                sourceLocation: sourceLocation)
        } while answer.status == .again
        #expect(answer.status == .ok, sourceLocation: sourceLocation)
        return slot
    }

    func makeScheduling(priority: UInt64, core: Int = 0, slice: UInt64 = 1000) -> UInt32 {
        let slot = create(.schedulingContext)
        succeed(
            .scheduleControl, slot, form: ScheduleControl.configure.rawValue, UInt64(core), priority, slice)
        return slot
    }

    /// Makes a configured thread that shares root's table and space. Root must be current.
    func makeThread(
        priority: UInt64 = 10, core: Int = 0, slice: UInt64 = 1000, notified: Bool = false, passive: Bool = false,
        starts: Bool = true
    ) -> Tenant {
        let slot = create(.thread)
        var tenant = Tenant(
            context: object(slot, as: ExecutionContext.self), slot: slot,
            scheduling: passive ? 0 : makeScheduling(priority: priority, core: core, slice: slice))
        configure(tenant, core: core)
        if notified {
            tenant.notification = create(.notification)
            succeed(
                .notificationBind, tenant.notification, form: NotificationBind.thread.rawValue, UInt64(slot))
        }
        if starts { start(tenant) }
        return tenant
    }

    /// Makes a virtual CPU in a space of its own, or in `space`. Its exits go to `portal`.
    func makeVirtualCPU(
        priority: UInt64 = 5, core: Int = 0, slice: UInt64 = 1000, portal: UInt32 = 0, space: UInt32? = nil,
        affinity: UInt64? = nil, starts: Bool = true
    ) -> Tenant {
        let slot = create(.virtualCPU)
        let tenant = Tenant(
            context: object(slot, as: ExecutionContext.self), slot: slot,
            scheduling: makeScheduling(priority: priority, core: core, slice: slice),
            space: space ?? makeMachineSpace())
        configure(tenant, portal: portal, core: core)
        if let affinity {
            succeed(.contextControl, slot, form: ContextControl.setAffinity.rawValue, affinity)
        }
        if starts { start(tenant) }
        return tenant
    }

    /// Makes a space with a table of doorbells.
    func makeMachineSpace(pages: UInt64 = 8) -> UInt32 { create(.addressSpace, KernelLimits.doorbellTable | pages) }

    func configure(
        _ tenant: Tenant, portal: UInt32 = 0, core: Int = 0, by caller: Ref<ExecutionContext>? = nil
    ) {
        succeed(
            .contextControl, tenant.slot, form: ContextControl.configure.rawValue, UInt64(tenant.space),
            UInt64(InitialSlot.table), UInt64(portal), UInt64(tenant.scheduling), UInt64(core), by: caller)
    }

    func start(_ tenant: Tenant, by caller: Ref<ExecutionContext>? = nil) {
        succeed(.contextControl, tenant.slot, form: ContextControl.start.rawValue, by: caller)
        settleOthers()
    }

    func stop(_ tenant: Tenant, by caller: Ref<ExecutionContext>? = nil) {
        succeed(.contextControl, tenant.slot, form: ContextControl.stop.rawValue, by: caller)
        settleOthers()
    }

    private func settleOthers() { for index in model.cores.indices.dropFirst() { settle(index) } }

    func makePortal(to server: Tenant) -> UInt32 { create(.portal, UInt64(server.slot)) }

    /// Returns a capability with a badge, in root's table.
    func badge(_ slot: UInt32, _ badge: UInt64) -> UInt32 {
        let fresh = freeSlot()
        succeed(.derive, slot, UInt64(InitialSlot.table), UInt64(fresh), 15, badge, 0)
        return fresh
    }

    // MARK: Frequent actions of tenants

    /// Puts root to sleep until `wakeRoot`, so that others get its core.
    func sleepRoot() {
        root.pointee.frame.x[0] = Operation.replyWait.rawValue
        root.pointee.frame.x[1] = Selector(slot: 0, form: ReplyForm.wait).bits
        #expect(current() == root)
        enter { K.operate($0, self.root) }
    }

    /// Ends `sleepRoot`.
    func raiseRoot() {
        enter { core in
            self.root.pointee.state = .ready
            K.useOwnTime(core, self.root)
        }
        #expect(current() == root)
    }

    /// Lets a thread without time of its own wait for its first call.
    func makeWaiting(_ tenant: Tenant) {
        tenant.context.pointee.state = .waiting
        tenant.context.pointee.running.store(1)
    }

    /// Raises bits of a notification as an interrupt would.
    func raise(_ notification: UInt32, _ bits: UInt64 = 1, core: Int = 0) {
        let target = object(notification, as: Notification.self)
        enter(core) { K.raise($0, target, bits) }
    }

    /// Performs `replyWait` with `wait` alone.
    @discardableResult
    func wait(_ tenant: Tenant) -> Answer { operate(.replyWait, form: ReplyForm.wait, by: tenant.context) }

    @discardableResult
    func replyAndWait(_ tenant: Tenant, extra: UInt32 = 0, _ words: UInt64...) -> Answer {
        operate(
            tenant.context, Operation.replyWait.rawValue,
            Selector(slot: 0, form: ReplyForm.reply | ReplyForm.wait | extra), words)
    }

    func call(_ portal: UInt32, by tenant: Tenant, _ words: UInt64...) {
        operate(tenant.context, Operation.call.rawValue, Selector(slot: portal), words)
    }

    /// Performs WFI of a current virtual CPU.
    func waitForInterrupt(_ tenant: Tenant) {
        let index = tenant.context.pointee.core.index
        #expect(current(index) == tenant.context)
        enter(index) { K.waitForInterrupt($0, tenant.context) }
    }

    /// Performs an exit of a virtual CPU to its monitor.
    func exit(_ tenant: Tenant, _ message: Words) {
        let index = tenant.context.pointee.core.index
        #expect(current(index) == tenant.context)
        let core = model.cores[index]
        hasUsedFastPath = usesFastPath && core.enter { K.exitFast($0, tenant.context, message) } != nil
        if hasUsedFastPath {
            core.check()
            return verify()
        }
        enter(index) { K.exit($0, tenant.context, message) }
    }
}

extension Fixture {
    /// Performs a store of a virtual CPU to an address at which it may not store, as the board's entry code does.
    /// Returns whether a doorbell rings; otherwise the board sends the store to the monitor.
    @discardableResult
    func store(_ tenant: Tenant, _ address: UInt64, _ register: UInt64 = 0, size: UInt64 = 4) -> Bool {
        let index = tenant.context.pointee.core.index, core = model.cores[index]
        #expect(current(index) == tenant.context)
        var isRung = false
        hasUsedFastPath =
            usesFastPath
            && core.enter { kernelCore in
                guard let bell = bell(tenant, address, register, size: size) else { return false }
                isRung = true
                let next = K.raiseFast(kernelCore, tenant.context, bell) ?? K.wakeFast(kernelCore, bell)
                if let next { #expect(kernelCore.pointee.current == next) }
                return next != nil
            }
        if hasUsedFastPath {
            core.check()
            verify()
            return true
        }
        enter(index) { kernelCore in
            guard let bell = bell(tenant, address, register, size: size) else { return }
            isRung = true
            K.ring(kernelCore, bell)
        }
        return isRung
    }

    /// Returns the doorbell that a store rings, after the quick check of the board's entry code.
    func bell(_ tenant: Tenant, _ address: UInt64, _ register: UInt64 = 0, size: UInt64 = 4) -> RungBell? {
        guard let table = object(tenant.space, as: AddressSpace.self).pointee.doorbells else { return nil }
        let store = GuestStore(GuestAddress(address), register: register, size: size)
        let candidates = table.pointee.candidates(store.address, value: register)
        return candidates == 0 ? nil : K.bell(of: table.first(of: candidates), store) ?? K.bell(in: table, store)
    }
}

// MARK: Taking back

extension Fixture {
    /// Revokes until the answer is not `again`, and returns that. Other cores take their interrupts in between.
    @discardableResult
    func revoke(
        _ slot: UInt32, _ form: RevokeForm = .descendants, by caller: Ref<ExecutionContext>? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Status? {
        let revoker = caller ?? root
        for _ in 0..<10_000 {
            let answer = operate(.revoke, slot, form: form.rawValue, by: revoker, sourceLocation: sourceLocation)
            guard answer.status == .again else { return answer.status }
            settleAll()
        }
        Issue.record("revoking does not end", sourceLocation: sourceLocation)
        return nil
    }

    /// Deletes a capability together with everything that depends on it. The deletion must succeed.
    func delete(
        _ slot: UInt32, by caller: Ref<ExecutionContext>? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            revoke(slot, .delete, by: caller, sourceLocation: sourceLocation) == .ok, sourceLocation: sourceLocation)
        #expect(isEmpty(slot), sourceLocation: sourceLocation)
    }

    /// Returns a child of a capability, in root's table.
    func derive(_ slot: UInt32, rights: Rights = .all, offset: UInt64 = 0, size: UInt64 = 0) -> UInt32 {
        let fresh = freeSlot()
        succeed(.derive, slot, UInt64(InitialSlot.table), UInt64(fresh), UInt64(rights.rawValue), offset, size)
        return fresh
    }

    /// Gives a message page to a thread that is stopped or of root's core, and returns the page's contents.
    @discardableResult
    func giveMessagePage(_ tenant: Tenant) -> UnsafeMutablePointer<UInt64> {
        let page = create(.extent, Page.size, alignment: Page.size)
        succeed(.contextControl, tenant.slot, form: ContextControl.setMessagePage.rawValue, UInt64(page), 0)
        return messagePage(tenant)
    }

    func messagePage(_ tenant: Tenant) -> UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer(bitPattern: UInt(tenant.context.pointee.messagePage.value))!
    }

    /// Sends a message with more than six words, capabilities or a lease.
    @discardableResult
    func call(_ portal: UInt32, by tenant: Tenant, shape: MessageShape, _ words: UInt64...) -> Answer {
        operate(tenant.context, Operation.call.rawValue, Selector(slot: portal, form: shape.bits), words)
    }

    func memory(_ extent: UInt32) -> UnsafeMutablePointer<UInt64> {
        UnsafeMutablePointer(bitPattern: UInt(slot(extent).pointee.object.value))!
    }
}
