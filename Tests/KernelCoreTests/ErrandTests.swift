import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Errands: nodes that only another core may remove, with several nodes and several cores.
@Suite struct ErrandTests {
    private let fixture = Fixture(cores: 4)
    private let part: UInt32

    init() { part = fixture.create(.region, 1 << 18) }

    /// Makes a thread of `core` whose memory is of the region that is revoked.
    private func makeThread(core: Int) -> Tenant {
        let slot = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.thread.rawValue), 0, UInt64(slot))
        let tenant = Tenant(
            context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
            scheduling: fixture.makeScheduling(priority: 10, core: core))
        fixture.configure(tenant, core: core)
        fixture.start(tenant)
        return tenant
    }

    private func errand(_ core: Int) -> UInt64 { fixture.core(core).pointee.errand.load() }
    private func address(_ slot: UInt32) -> UInt64 { fixture.slot(slot).address.value }
    private func revoke() -> Status? { fixture.operate(.revoke, part).status }

    /// The node disappears together with another one, whose revoker asked no core for this one. The slot is filled
    /// again at once.
    @Test(arguments: [1, 3])
    func itEndsWithItsNode(core: Int) {
        let helper = fixture.makeThread(priority: 20, core: core), thread = makeThread(core: core)
        #expect(revoke() == .again)
        #expect(errand(core) == address(thread.slot))
        let delete = RevokeForm.delete.rawValue
        var status = Status.again as Status?
        while status == .again {
            status = fixture.operate(.revoke, thread.slot, form: delete, by: helper.context).status
        }
        #expect(status == .ok && fixture.isEmpty(thread.slot) && errand(core) == 0)
        fixture.succeed(.derive, helper.slot, UInt64(InitialSlot.table), UInt64(thread.slot), 15, by: helper.context)
        #expect(fixture.model.cores[core].pendingInterrupt != nil)
        fixture.settleAll()
        #expect(!fixture.isEmpty(thread.slot))
        #expect(fixture.revoke(part) == .ok && !fixture.isEmpty(thread.slot))
    }

    /// The same holds on the first core, for an errand of another core's revoker.
    @Test func itEndsWithItsNodeOnTheFirstCoreToo() {
        let revoker = fixture.makeThread(priority: 20, core: 1), thread = makeThread(core: 0)
        #expect(fixture.operate(.revoke, part, by: revoker.context).status == .again)
        #expect(errand(0) == address(thread.slot))
        while fixture.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue).status == .again {}
        #expect(fixture.isEmpty(thread.slot) && errand(0) == 0)
        fixture.succeed(.derive, revoker.slot, UInt64(InitialSlot.table), UInt64(thread.slot), 15)
        #expect(fixture.model.cores[0].pendingInterrupt != nil)
        fixture.settleAll()
        #expect(!fixture.isEmpty(thread.slot))
        #expect(fixture.revoke(part, by: revoker.context) == .ok)
    }

    /// Nodes of two cores at once: the end of one says nothing about the other.
    @Test func eachCoreHasItsOwn() {
        let threads = [makeThread(core: 3), makeThread(core: 2), makeThread(core: 1)]
        let helper = fixture.makeThread(priority: 20, core: 1)
        #expect(revoke() == .again)
        let first = (1..<4).first { errand($0) != 0 }!
        let asked = threads.first { address($0.slot) == errand(first) }!
        // Another revoker needs another core meanwhile.
        let other = threads.first { $0.context.pointee.core.index == 2 + (first == 2 ? 1 : 0) }!
        _ = fixture.operate(.revoke, other.slot, form: RevokeForm.delete.rawValue, by: helper.context)
        #expect(errand(other.context.pointee.core.index) == address(other.slot) || other.slot == asked.slot)
        fixture.settle(other.context.pointee.core.index)
        #expect(fixture.isEmpty(other.slot))
        if other.slot != asked.slot { #expect(errand(first) == address(asked.slot)) }
        #expect(fixture.revoke(part) == .ok && threads.allSatisfy { fixture.isEmpty($0.slot) })
    }

    /// The first errand stays until it is done, and nobody interrupts the core again for the second one.
    @Test func aCoreHasOneAtATime() {
        let first = makeThread(core: 1), helper = fixture.makeThread(priority: 20, core: 2)
        let second = fixture.makeThread(core: 1)
        #expect(revoke() == .again && errand(1) == address(first.slot))
        let before = fixture.model.cores[1].interruptCount
        let delete = RevokeForm.delete.rawValue
        for _ in 0..<3 {
            #expect(fixture.operate(.revoke, second.slot, form: delete, by: helper.context).status == .again)
            #expect(revoke() == .again)
        }
        #expect(errand(1) == address(first.slot) && fixture.model.cores[1].interruptCount == before)
        fixture.settle(1)
        #expect(fixture.isEmpty(first.slot) && !fixture.isEmpty(second.slot) && errand(1) == 0)
        fixture.delete(second.slot)
        #expect(fixture.revoke(part) == .ok)
    }

    /// All nodes of a core take one interrupt each.
    @Test func manyNodesOfManyCores() {
        let threads = (0..<9).map { makeThread(core: 1 + $0 % 3) }
        let before = fixture.model.cores.map { $0.interruptCount }
        #expect(fixture.revoke(part) == .ok)
        #expect(threads.allSatisfy { fixture.isEmpty($0.slot) && $0.state == .stopped })
        for core in 1..<4 {
            #expect(fixture.current(core) == nil && errand(core) == 0)
            #expect(fixture.model.cores[core].interruptCount - before[core] <= 6)
        }
    }

    /// The node went while the core waited for the lock.
    @Test func oneThatIsCalledOffWhileItsCoreWaitsIsNotDone() {
        let thread = makeThread(core: 1)
        #expect(revoke() == .again && errand(1) != 0)
        let board = fixture.model.kernelBoard, core = fixture.model.cores[1]
        let ticket = board.pointee.tickets.increment()
        core.whileWaiting = {
            fixture.core(1).pointee.errand.store(0)
            board.pointee.serving.store(ticket + 1)
        }
        core.enter { K.drainInbox($0) }
        core.whileWaiting = nil
        #expect(!fixture.isEmpty(thread.slot) && thread.state == .ready)
        #expect(board.pointee.tickets.load() == board.pointee.serving.load())
        #expect(fixture.revoke(part) == .ok)
    }

    /// No path of interrupts takes the lock: without an errand a core does not even try.
    @Test func withoutAnErrandNobodyLocks() {
        let board = fixture.model.kernelBoard, before = board.pointee.tickets.load()
        fixture.enter(1) { K.drainInbox($0) }
        #expect(board.pointee.tickets.load() == before)
    }

    /// A capability with descendants stays, even if an errand says otherwise.
    @Test func aCapabilityWithDescendantsStays() {
        let thread = fixture.makeThread(core: 1)
        let child = fixture.derive(thread.slot)
        fixture.core(1).pointee.errand.store(address(thread.slot))
        fixture.enter(1) { K.drainInbox($0) }
        #expect(!fixture.isEmpty(thread.slot) && !fixture.isEmpty(child) && errand(1) == 0)
        fixture.core(1).pointee.errand.store(address(child))
        fixture.enter(1) { K.drainInbox($0) }
        #expect(!fixture.isEmpty(thread.slot) && fixture.isEmpty(child) && errand(1) == 0)
    }
}

/// Grace periods with more than one item, list or period.
@Suite struct GraceOfManyTests {
    private typealias Notification = KernelCore.Notification
    private let fixture = Fixture(cores: 4)
    private let part: UInt32
    private let region: Ref<Region>
    private let inside: UInt32

    init() {
        part = fixture.create(.region, 1 << 16)
        inside = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        region = fixture.object(part, as: Region.self)
    }

    private func revoke() -> Status? { fixture.operate(.revoke, part).status }
    private var isReused: Bool { region.pointee.next == region.pointee.start }
    private func makeSinks(_ count: Int) -> [Ref<Notification>] {
        (0..<count).map { _ in fixture.object(fixture.create(.notification), as: Notification.self) }
    }
    private func post(_ notification: Ref<Notification>, to core: Int) {
        fixture.model.cores[1].run { K.post(fixture.core(1), notification, to: CoreID(UInt8(core))) }
    }
    private func take(_ core: Int) { fixture.enter(core) { _ in _ = fixture.model.cores[core].takeInterrupt() } }

    /// The core has worked off half of one list while the next one collects items, among them the removed object.
    @Test(arguments: [2, 3])
    func theListAfterTheOneInHandIsWaitedFor(core: Int) {
        let object = fixture.object(inside, as: Notification.self)
        for sink in makeSinks(K.inboxBatch + 1) { post(sink, to: core) }
        take(core)
        #expect(fixture.core(core).pointee.unread != 0 && fixture.core(core).pointee.lists.load() == 1)
        let more = makeSinks(K.inboxBatch)
        for sink in more { post(sink, to: core) }
        post(object, to: core)
        #expect(revoke() == .again && fixture.isEmpty(inside))
        // The rest of the first list.
        take(core)
        #expect(fixture.core(core).pointee.unread == 0 && fixture.core(core).pointee.lists.load() == 2)
        #expect(revoke() == .again && !isReused)
        // The second list is worked off in two pieces, and its last item was posted first.
        take(core)
        #expect(fixture.core(core).pointee.unread != 0)
        #expect(revoke() == .again && !isReused)
        take(core)
        #expect(fixture.core(core).pointee.lists.load() == 4)
        #expect(revoke() == .ok && isReused)
    }

    /// Items that come after the stage began delay nobody, although the core still works off an old list.
    @Test func aLaterListIsNotWaitedFor() {
        for sink in makeSinks(K.inboxBatch + 1) { post(sink, to: 2) }
        take(2)
        #expect(revoke() == .again)
        take(2)
        let later = makeSinks(2 * K.inboxBatch + 1)
        for sink in later { post(sink, to: 2) }
        #expect(fixture.core(2).pointee.inbox.load() != 0)
        var rounds = 0
        while revoke() == .again, rounds < 10 {
            take(2)
            rounds += 1
        }
        #expect(rounds <= 3 && isReused)
    }

    /// Each core with an item counts, also the last one.
    @Test func everyCoresInboxCounts() {
        let sinks = makeSinks(3)
        for core in 1..<4 { post(sinks[core - 1], to: core) }
        for core in [2, 1, 3] {
            #expect(revoke() == .again && !isReused)
            take(core)
        }
        #expect(revoke() == .ok && isReused)
    }

    /// The last core that was inside delays the period until it has left. Then all inboxes are checked anew.
    @Test func itemsOfOneThatLeavesLateAreWaitedFor() {
        let object = fixture.object(inside, as: Notification.self), filler = makeSinks(K.inboxBatch)
        K.enter(fixture.core(3))
        #expect(revoke() == .again)
        post(object, to: 2)
        for sink in filler { post(sink, to: 2) }
        #expect(revoke() == .again && !isReused)
        K.leave(fixture.core(3))
        #expect(revoke() == .again && !isReused)
        take(2)
        #expect(fixture.core(2).pointee.unread != 0)
        #expect(revoke() == .again && !isReused, "half of the inbox is done")
        take(2)
        #expect(revoke() == .ok && isReused)
    }

    /// On a single core, nothing is quiet before the core's own inbox is empty.
    @Test func aSingleCoresInboxInPieces() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16), inside = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        let region = fixture.object(part, as: Region.self)
        let sinks = (0..<2 * K.inboxBatch).map { _ in
            fixture.object(fixture.create(.notification), as: Notification.self)
        }
        let object = fixture.object(inside, as: Notification.self)
        fixture.model.cores[0].run { for sink in [object] + sinks { K.post(fixture.core(0), sink, to: CoreID(0)) } }
        for _ in 0..<3 {
            #expect(fixture.operate(.revoke, part).status == .again && region.pointee.next != region.pointee.start)
            fixture.enter { _ in _ = fixture.model.cores[0].takeInterrupt() }
        }
        #expect(fixture.core(0).pointee.unread == 0)
        #expect(fixture.operate(.revoke, part).status == .ok && region.pointee.next == region.pointee.start)
    }

    /// Two revokers wait for a period each, and the numbers of the periods continue.
    @Test func periodsAreNumbered() {
        let board = fixture.model.kernelBoard
        let before = board.pointee.grace.ended
        #expect(revoke() == .ok && board.pointee.grace.ended == before + 1)
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        K.enter(fixture.core(2))
        #expect(revoke() == .again && board.pointee.grace.ended == before + 1)
        K.leave(fixture.core(2))
        #expect(revoke() == .ok && board.pointee.grace.ended == before + 2)
        #expect(revoke() == .ok && board.pointee.grace.ended == before + 2, "nothing was removed")
    }
}

/// Cores copy while pages are unmapped.
@Suite struct CopyWaitTests {
    private let fixture = Fixture(cores: 4)
    private let extent: UInt32
    private let slot: UInt32
    private let space: UInt32

    init() {
        space = fixture.create(.addressSpace, 8)
        extent = fixture.freeSlot()
        slot = fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(1 << 32), word: 1 << 24),
            in: fixture.table, extent)
    }

    private func map(_ size: UInt64) {
        fixture.succeed(.map, space, UInt64(extent), 0x1000, 0, size, 3, UInt64(slot))
    }

    /// Removes the mapping while a core copies, and returns how often the revoker waited for the copy. The pages must
    /// be unmapped before.
    private func unmap(copying core: Int) -> Int {
        var waits = 0
        let target = fixture.object(space, as: AddressSpace.self)
        fixture.model.cores[0].whileWaiting = {
            waits += 1
            #expect(K.leaf(target, GuestAddress(0x1000)) == nil)
            if waits == 3 { _ = fixture.core(core).pointee.copies.increment() }
        }
        fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue)
        fixture.model.cores[0].whileWaiting = nil
        return waits
    }

    /// The copy is of one page on the fast path, and of two pages on the general path.
    @Test(arguments: [1, 3], [0x1000, 0x2000] as [UInt64])
    func aCopyThatIsUnderWayIsWaitedFor(core: Int, size: UInt64) {
        map(size)
        _ = fixture.core(core).pointee.copies.increment()
        #expect(unmap(copying: core) == 3)
        #expect(fixture.isEmpty(slot))
        // The revoker does not wait for a copy that has ended.
        map(size)
        #expect(unmap(copying: core) == 0)
        #expect(fixture.isEmpty(slot))
    }
}
