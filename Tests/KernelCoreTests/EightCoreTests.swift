import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A board with as many cores as the kernel can have: each core has its own errand, timers, copies and translations.
@Suite struct EightCoreTests {
    private let bench = Bench(cores: CoreID.maximum)
    static let cores = [1, 3, 4, 5, 7]

    private func errands() -> [UInt64] { bench.model.cores.map { $0.kernelCore.pointee.errand.load() } }
    private func delete(_ slot: UInt32) -> Status? {
        bench.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status
    }

    /// Only the core of a thread is asked to remove it, and the request ends with the thread's capability.
    @Test(arguments: cores) func anErrandIsOfOneCore(core: Int) {
        let thread = bench.makeThread(core: core), helper = bench.makeThread(priority: 20, core: core)
        let node = bench.slot(thread.slot).address.value
        #expect(delete(thread.slot) == .again)
        #expect(errands() == (0..<8).map { $0 == core ? node : 0 })
        // The core itself removes the thread for another reason.
        while !bench.isEmpty(thread.slot) {
            bench.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue, by: helper.context)
        }
        #expect(errands().allSatisfy { $0 == 0 })
        #expect(bench.revoke(thread.slot, .delete) != .again)
    }

    /// Errands of all cores at once, posted in either order.
    @Test func eachCoreDoesItsErrand() {
        let threads = Self.cores.map { bench.makeThread(core: $0) }
        for thread in threads { #expect(delete(thread.slot) == .again) }
        for (core, thread) in zip(Self.cores, threads) {
            #expect(errands()[core] == bench.slot(thread.slot).address.value)
        }
        for (index, core) in Self.cores.enumerated().reversed() {
            bench.settle(core)
            #expect(threads.indices.allSatisfy { bench.isEmpty(threads[$0].slot) == ($0 >= index) })
        }
        #expect(threads.allSatisfy { bench.current($0.context.pointee.core.index) == nil })
    }

    /// A core that translates by a space leaves it before the space's tables become other memory.
    @Test(arguments: cores) func aSpaceIsLeftByEachCore(core: Int) {
        var thread = bench.makeThread(core: core, starts: false)
        thread.space = bench.create(.addressSpace, 1)
        bench.configure(thread, core: core)
        bench.start(thread)
        let last = bench.object(thread.space, as: AddressSpace.self).pointee.translation
        #expect(bench.core(core).pointee.translation == last)
        bench.delete(thread.slot)
        bench.delete(thread.space)
        #expect(bench.core(core).pointee.translation != last)
    }

    /// The same of the first core, by a revoker of another one.
    @Test func aSpaceIsLeftByTheFirstCore() {
        let helper = bench.makeThread(priority: 20, core: 4)
        var thread = bench.makeThread(starts: false)
        thread.space = bench.create(.addressSpace, 1)
        bench.configure(thread)
        bench.start(thread)
        bench.sleepRoot()
        let last = bench.object(thread.space, as: AddressSpace.self).pointee.translation
        #expect(bench.core(0).pointee.translation == last)
        bench.delete(thread.slot, by: helper.context)
        bench.delete(thread.space, by: helper.context)
        #expect(bench.core(0).pointee.translation != last)
    }

    /// Counters are of cores that there are, whatever else the number says.
    @Test(arguments: [0, 7, 8, 9, 1 << 32, .max] as [UInt64]) func countersOfEightCores(core: UInt64) {
        let status = bench.operate(
            .system, InitialSlot.system, form: SystemForm.readCounter.rawValue, core, SystemCounter.switches.rawValue
        ).status
        #expect(status == (core < 8 ? .ok : .badArgument))
    }
    /// The timer that one core has set is neither taken by another one nor left in the first one's queue.
    @Test(arguments: [(4, 0), (0, 4), (5, 1), (7, 3), (6, 7)]) func aTimerIsOfOneCore(core: Int, other: Int) {
        let callers = [core, other].map { $0 == 0 ? bench.root : bench.makeThread(priority: 10, core: $0).context }
        let notification = bench.create(.notification), deadline = bench.model.now.value + 100
        func set(_ caller: Ref<ExecutionContext>) -> Status? {
            bench.operate(.timer, notification, form: TimerForm.set.rawValue, deadline, 1, by: caller).status
        }
        #expect(set(callers[0]) == .ok && set(callers[1]) == .wrongCore)
        #expect(bench.model.cores.map(\.deadline) == (0..<8).map { $0 == core ? Ticks(deadline) : .never })
        bench.delete(notification)
        #expect(bench.model.cores.allSatisfy { $0.deadline == .never })
    }

    /// A page is not taken away while any core copies, not even from a core that copies only after others have.
    @Test(arguments: cores, [Page.size, 2 * Page.size]) func aCopyOfEachCoreIsWaitedFor(core: Int, size: UInt64) {
        let space = bench.create(.addressSpace, 8), extent = bench.create(.extent, 2 * Page.size, alignment: Page.size)
        let slot = bench.freeSlot(), copies = bench.core(core)
        bench.succeed(.map, space, UInt64(extent), 0x1000, 0, size, 3, UInt64(slot))
        _ = copies.pointee.copies.increment()
        var waits = 0
        bench.model.cores[0].whileWaiting = {
            waits += 1
            if waits == 3 { _ = copies.pointee.copies.increment() }
        }
        _ = delete(slot)
        bench.model.cores[0].whileWaiting = nil
        #expect(waits == 3 && bench.isEmpty(slot))
        if waits < 3 { _ = copies.pointee.copies.increment() }
    }

    /// Two virtual CPUs of one space share a core; a third one of the space goes on another core meanwhile.
    @Test(arguments: [(0, 4), (4, 0), (3, 7), (5, 1), (1, 5)])
    func siblingsForgetEachOtherOnEachCore(shared: Int, other: Int) {
        let first = bench.makeVirtualCPU(core: shared), second = bench.makeVirtualCPU(core: shared, space: first.space)
        let helper = other == 0 ? bench.root : bench.makeThread(priority: 20, core: other).context
        let third = bench.makeVirtualCPU(core: other, space: first.space)
        if shared == 0 { bench.sleepRoot() }
        let (now, next) = bench.current(shared) == first.context ? (first, second) : (second, first)
        #expect(bench.current(shared) == now.context)
        bench.delete(third.slot, by: helper)
        bench.waitForInterrupt(now)
        #expect(bench.current(shared) == next.context)
    }

    /// One that ran on this core before belongs to another space by now; its translations are still there.
    @Test(arguments: cores) func aSiblingThatHasMovedAwayIsForgotten(core: Int) {
        var moved = bench.makeVirtualCPU(core: core)
        let home = moved.space, stays = bench.makeVirtualCPU(core: core, space: home, starts: false)
        #expect(bench.current(core) == moved.context)
        bench.stop(moved)
        moved.space = bench.create(.addressSpace, 1)
        bench.configure(moved, core: core)
        bench.start(stays)
        #expect(bench.current(core) == stays.context)
    }

    /// One whose memory comes to hold another one finds nothing of it on any core.
    @Test(arguments: cores) func aVirtualCPUAtTheSamePlaceFindsNothing(core: Int) {
        let part = bench.create(.region, 1 << 16), home = bench.create(.addressSpace, 1),
            away = bench.create(.addressSpace, 1)
        for _ in 0..<2 {
            let slot = bench.freeSlot()
            bench.succeed(.create, part, form: UInt32(ObjectKind.virtualCPU.rawValue), 0, UInt64(slot))
            var machine = Tenant(
                context: bench.object(slot, as: ExecutionContext.self), slot: slot,
                scheduling: bench.makeScheduling(priority: 5, core: core))
            for space in [home, away] {
                machine.space = space
                bench.configure(machine, core: core)
                bench.start(machine)
                #expect(bench.current(core) == machine.context)
                bench.stop(machine)
            }
            bench.delete(slot)
            #expect(bench.revoke(part) == .ok)
        }
    }

    /// A core that is in the kernel may still use what it has looked up.
    @Test(arguments: cores) func aGracePeriodWaitsForEachCore(core: Int) {
        let part = bench.create(.region, 1 << 16)
        bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(bench.freeSlot()))
        K.enter(bench.core(core))
        for _ in 0..<3 { #expect(bench.operate(.revoke, part).status == .again) }
        K.leave(bench.core(core))
        #expect(bench.revoke(part) == .ok)
    }
}
