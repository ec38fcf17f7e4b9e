import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A board with the largest number of cores. Each core has its own errand, timers, copies and translations.
@Suite struct EightCoreTests {
    private let fixture = Fixture(cores: CoreID.maximum)
    static let cores = [1, 3, 4, 5, 7]

    private func errands() -> [UInt64] { fixture.model.cores.map { $0.kernelCore.pointee.errand.load() } }
    private func delete(_ slot: UInt32) -> Status? {
        fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status
    }

    /// Only the thread's own core is asked to remove it, and the request ends with the thread's capability.
    @Test(arguments: cores) func anErrandIsOfOneCore(core: Int) {
        let thread = fixture.makeThread(core: core), helper = fixture.makeThread(priority: 20, core: core)
        let node = fixture.slot(thread.slot).address.value
        #expect(delete(thread.slot) == .again)
        #expect(errands() == (0..<8).map { $0 == core ? node : 0 })
        // The core itself removes the thread for another reason.
        while !fixture.isEmpty(thread.slot) {
            fixture.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue, by: helper.context)
        }
        #expect(errands().allSatisfy { $0 == 0 })
        #expect(fixture.revoke(thread.slot, .delete) != .again)
    }

    /// Errands of all cores at once, posted in either order.
    @Test func eachCoreDoesItsErrand() {
        let threads = Self.cores.map { fixture.makeThread(core: $0) }
        for thread in threads { #expect(delete(thread.slot) == .again) }
        for (core, thread) in zip(Self.cores, threads) {
            #expect(errands()[core] == fixture.slot(thread.slot).address.value)
        }
        for (index, core) in Self.cores.enumerated().reversed() {
            fixture.settle(core)
            #expect(threads.indices.allSatisfy { fixture.isEmpty(threads[$0].slot) == ($0 >= index) })
        }
        #expect(threads.allSatisfy { fixture.current($0.context.pointee.core.index) == nil })
    }

    /// A core that translates by a space leaves it before the space's tables become other memory.
    @Test(arguments: cores) func aSpaceIsLeftByEachCore(core: Int) {
        var thread = fixture.makeThread(core: core, starts: false)
        thread.space = fixture.create(.addressSpace, 1)
        fixture.configure(thread, core: core)
        fixture.start(thread)
        let last = fixture.object(thread.space, as: AddressSpace.self).pointee.translation
        #expect(fixture.core(core).pointee.translation == last)
        fixture.delete(thread.slot)
        fixture.delete(thread.space)
        #expect(fixture.core(core).pointee.translation != last)
    }

    /// The same holds for the first core, with a revoker on another one.
    @Test func aSpaceIsLeftByTheFirstCore() {
        let helper = fixture.makeThread(priority: 20, core: 4)
        var thread = fixture.makeThread(starts: false)
        thread.space = fixture.create(.addressSpace, 1)
        fixture.configure(thread)
        fixture.start(thread)
        fixture.sleepRoot()
        let last = fixture.object(thread.space, as: AddressSpace.self).pointee.translation
        #expect(fixture.core(0).pointee.translation == last)
        fixture.delete(thread.slot, by: helper.context)
        fixture.delete(thread.space, by: helper.context)
        #expect(fixture.core(0).pointee.translation != last)
    }

    /// Counters exist only for existing cores, for any other bits of the number.
    @Test(arguments: [0, 7, 8, 9, 1 << 32, .max] as [UInt64]) func countersOfEightCores(core: UInt64) {
        let status = fixture.operate(
            .system, RootSlot.system, form: SystemForm.readCounter.rawValue, core, SystemCounter.switches.rawValue
        ).status
        #expect(status == (core < 8 ? .ok : .badArgument))
    }
    /// No other core takes a timer that one core has set, and the timer does not stay in the first core's queue.
    @Test(arguments: [(4, 0), (0, 4), (5, 1), (7, 3), (6, 7)]) func aTimerIsOfOneCore(core: Int, other: Int) {
        let callers = [core, other].map { $0 == 0 ? fixture.root : fixture.makeThread(priority: 10, core: $0).context }
        let notification = fixture.create(.notification), deadline = fixture.model.now.value + 100
        func set(_ caller: Ref<ExecutionContext>) -> Status? {
            fixture.operate(.timer, notification, form: TimerForm.set.rawValue, deadline, 1, by: caller).status
        }
        #expect(set(callers[0]) == .ok && set(callers[1]) == .wrongCore)
        #expect(fixture.model.cores.map(\.deadline) == (0..<8).map { $0 == core ? Ticks(deadline) : .never })
        fixture.delete(notification)
        #expect(fixture.model.cores.allSatisfy { $0.deadline == .never })
    }

    /// No page is unmapped while any core copies, also for a core that copies only after others have.
    @Test(arguments: cores, [Page.size, 2 * Page.size]) func aCopyOfEachCoreIsWaitedFor(core: Int, size: UInt64) {
        let space = fixture.create(.addressSpace, 8),
            extent = fixture.create(.extent, 2 * Page.size, alignment: Page.size)
        let slot = fixture.freeSlot(), copies = fixture.core(core)
        fixture.succeed(.map, space, UInt64(extent), 0x1000, 0, size, 3, UInt64(slot))
        _ = copies.pointee.copies.increment()
        var waits = 0
        fixture.model.cores[0].whileWaiting = {
            waits += 1
            if waits == 3 { _ = copies.pointee.copies.increment() }
        }
        _ = delete(slot)
        fixture.model.cores[0].whileWaiting = nil
        #expect(waits == 3 && fixture.isEmpty(slot))
        if waits < 3 { _ = copies.pointee.copies.increment() }
    }

    /// Two virtual CPUs of one space share a core; a third one of the space goes on another core meanwhile.
    @Test(arguments: [(0, 4), (4, 0), (3, 7), (5, 1), (1, 5)])
    func siblingsForgetEachOtherOnEachCore(shared: Int, other: Int) {
        let first = fixture.makeVirtualCPU(core: shared),
            second = fixture.makeVirtualCPU(core: shared, space: first.space)
        let helper = other == 0 ? fixture.root : fixture.makeThread(priority: 20, core: other).context
        let third = fixture.makeVirtualCPU(core: other, space: first.space)
        if shared == 0 { fixture.sleepRoot() }
        let (now, next) = fixture.current(shared) == first.context ? (first, second) : (second, first)
        #expect(fixture.current(shared) == now.context)
        fixture.delete(third.slot, by: helper)
        fixture.waitForInterrupt(now)
        #expect(fixture.current(shared) == next.context)
    }

    /// A virtual CPU that ran on this core before belongs to another space now, but its translations are still there.
    @Test(arguments: cores) func aSiblingThatHasMovedAwayIsForgotten(core: Int) {
        var moved = fixture.makeVirtualCPU(core: core)
        let home = moved.space, stays = fixture.makeVirtualCPU(core: core, space: home, starts: false)
        #expect(fixture.current(core) == moved.context)
        fixture.stop(moved)
        moved.space = fixture.create(.addressSpace, 1)
        fixture.configure(moved, core: core)
        fixture.start(stays)
        #expect(fixture.current(core) == stays.context)
    }

    /// A virtual CPU in the memory of an earlier one finds no translation of it on any core.
    @Test(arguments: cores) func aVirtualCPUAtTheSamePlaceFindsNothing(core: Int) {
        let part = fixture.create(.region, 1 << 16), home = fixture.create(.addressSpace, 1),
            away = fixture.create(.addressSpace, 1)
        for _ in 0..<2 {
            let slot = fixture.freeSlot()
            fixture.succeed(.create, part, form: UInt32(ObjectKind.virtualCPU.rawValue), 0, UInt64(slot))
            var machine = Tenant(
                context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
                scheduling: fixture.makeScheduling(priority: 5, core: core))
            for space in [home, away] {
                machine.space = space
                fixture.configure(machine, core: core)
                fixture.start(machine)
                #expect(fixture.current(core) == machine.context)
                fixture.stop(machine)
            }
            fixture.delete(slot)
            #expect(fixture.revoke(part) == .ok)
        }
    }

    /// A core that is in the kernel may still use an object that it has looked up.
    @Test(arguments: cores) func aGracePeriodWaitsForEachCore(core: Int) {
        let part = fixture.create(.region, 1 << 16)
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fixture.freeSlot()))
        K.enter(fixture.core(core))
        for _ in 0..<3 { #expect(fixture.operate(.revoke, part).status == .again) }
        K.leave(fixture.core(core))
        #expect(fixture.revoke(part) == .ok)
    }
}
