import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The objects that `create` makes, to the byte.
@Suite struct CreateEdgeTests {
    @Test func aRegionIsUsedToItsEnd() {
        let bench = Bench()
        let form = UInt32(ObjectKind.capabilityTable.rawValue)
        // A region's own structure and a table's header take 64 bytes each.
        for (count, status) in [(62, Status.ok), (63, .noMemory)] as [(UInt64, Status)] {
            let part = bench.create(.region, Page.size), slot = bench.freeSlot()
            #expect(bench.operate(.create, part, form: form, count, UInt64(slot)).status == status)
            let region = bench.object(part, as: Region.self)
            #expect((region.pointee.next == region.pointee.end) == (status == .ok))
        }
    }

    /// The answer is what the object took, with the gap before it.
    @Test func theBytesThatWereTakenAreTold() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 16)
        let region = bench.object(part, as: Region.self)
        for (kind, parameter, alignment) in [
            (.notification, 0, 0), (.extent, 4096, 4096), (.thread, 0, 0), (.extent, 4096, 8192),
        ] as [(ObjectKind, UInt64, UInt64)] {
            let before = region.pointee.next
            let answer = bench.succeed(
                .create, part, form: UInt32(kind.rawValue), parameter, UInt64(bench.freeSlot()), alignment)
            #expect(answer.words[0] == region.pointee.next.value - before.value)
        }
    }

    @Test func contextsStartWithTheirRegistersReset() {
        let bench = Bench()
        let machine = bench.object(bench.create(.virtualCPU), as: ExecutionContext.self)
        #expect(machine.pointee.frame.processorState == 0x3C5)
        #expect(machine.pointee.guest?.pointee.context == machine)
        let thread = bench.object(bench.create(.thread), as: ExecutionContext.self)
        #expect(thread.pointee.frame.processorState == 0 && thread.pointee.guest == nil)
    }

    @Test func timeIsOfTheCoreAndThePriorityThatAreNamed() {
        let bench = Bench(cores: 2)
        let time = bench.object(bench.create(.schedulingContext, 7 << 8 | 1), as: SchedulingContext.self)
        #expect(time.pointee.core == CoreID(1) && time.pointee.priority == 7)
        #expect(time.pointee.slice == Ticks(SchedulingContext.defaultSlice))
    }

    /// Only time that the giver has itself: its core, no more urgent, in slices no longer.
    @Test func timeIsNoMoreThanItsGiverHas() {
        let bench = Bench(cores: 2)
        let giver = bench.makeThread(priority: 31, slice: 300)
        #expect(bench.current() == giver.context)
        let slot = bench.freeSlot()
        func create(_ parameter: UInt64) -> Status? {
            bench.operate(
                .create, bench.region, form: UInt32(ObjectKind.schedulingContext.rawValue), parameter, UInt64(slot),
                by: giver.context
            ).status
        }
        #expect(create(10 << 8 | 1) != .ok)
        #expect(create(10 << 8) == .ok)
        #expect(bench.object(slot, as: SchedulingContext.self).pointee.slice == Ticks(300))
    }

    /// A portal's binding is growth below its thread, and leaves the thread that it was bound to before.
    @Test func portalsHangBelowTheirThread() {
        let bench = Bench()
        let first = bench.makeThread(starts: false), second = bench.makeThread(starts: false)
        let portal = bench.makePortal(to: first)
        #expect(bench.slot(first.slot).pointee.firstChild != nil)
        let bind = ContextControl.bindPortal.rawValue
        bench.succeed(.contextControl, second.slot, form: bind, UInt64(portal))
        #expect(bench.slot(first.slot).pointee.firstChild == nil && bench.slot(second.slot).pointee.firstChild != nil)
        var deep = first.slot
        for _ in 1..<K.maximumTreeDepth { deep = bench.derive(deep) }
        let form = UInt32(ObjectKind.portal.rawValue)
        let slot = UInt64(bench.freeSlot())
        #expect(bench.operate(.create, bench.region, form: form, UInt64(deep), slot).status == .tooDeep)
        #expect(bench.operate(.contextControl, deep, form: bind, UInt64(portal)).status == .tooDeep)
    }

    /// Memory that nobody had comes as it is; what somebody had is zeroed, 16 KiB an entry.
    @Test func whatSomebodyHadIsZeroedInPieces() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 16), slot = bench.freeSlot()
        let region = bench.object(part, as: Region.self), form = UInt32(ObjectKind.extent.rawValue)
        func create() -> Status? {
            bench.operate(.create, part, form: form, 0x9000, UInt64(slot), Page.size).status
        }
        #expect(create() == .ok)
        let start = bench.slot(slot).pointee.object
        let memory = bench.memory(slot)
        #expect(region.pointee.zeroedTo <= start && bench.revoke(part) == .ok)
        for index in 0...0x1200 { memory[index] = 7 }
        for done in [0x4000, 0x8000] as [UInt64] {
            #expect(create() == .again && region.pointee.zeroedTo == start + done)
        }
        #expect(create() == .ok && region.pointee.zeroedTo == start + 0x9000)
        #expect((0..<0x1200).allSatisfy { memory[$0] == 0 } && memory[0x1200] == 7)
    }

    /// Nobody has given it a badge, nor said that it is a device's: a capability of it may get a badge.
    @Test func whatIsMadeHasNoBadge() {
        let bench = Bench()
        let interrupt = bench.freeSlot()
        bench.succeed(
            .system, InitialSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(bench.region))
        let kinds = [.thread, .virtualCPU, .portal, .schedulingContext, .notification] as [ObjectKind]
        let objects =
            kinds.map { bench.create($0) }
            + [bench.create(.capabilityTable, 1), bench.create(.addressSpace, 1), bench.create(.region, Page.size)]
        for slot in objects + [interrupt] {
            #expect(bench.slot(slot).pointee.badge == 0 && !bench.slot(slot).pointee.value.isDevice)
            #expect(bench.slot(bench.badge(slot, 7)).pointee.badge == 7)
        }
    }

    /// The largest use of a region counts, not the last one: all of what anybody had is zeroed for the next.
    @Test(arguments: [[8, 1], [1, 8], [8, 1, 2], [8, 1, 1, 1], [4, 8, 2]] as [[UInt64]], [false, true])
    func whatAnybodyHadIsZeroed(uses: [UInt64], isInner: Bool) {
        let bench = Bench()
        let part = bench.create(.region, 1 << 16), slot = bench.freeSlot()
        func create(_ kind: ObjectKind, _ size: UInt64, in slot: UInt32, of region: UInt32) {
            var status = Status.again as Status?
            while status == .again {
                status =
                    bench.operate(
                        .create, region, form: UInt32(kind.rawValue), size, UInt64(slot),
                        kind == .extent ? Page.size : 0
                    ).status
            }
            #expect(status == .ok)
        }
        func fill() -> UnsafeMutableBufferPointer<UInt64> {
            UnsafeMutableBufferPointer(start: bench.memory(slot), count: Int(bench.slot(slot).pointee.size / 8))
        }
        for pages in uses {
            create(.extent, pages * Page.size, in: slot, of: part)
            fill().update(repeating: 7)
            #expect(bench.revoke(part) == .ok)
        }
        var source = part
        if isInner {
            source = bench.freeSlot()
            create(.region, 12 * Page.size, in: source, of: part)
        }
        create(.extent, 10 * Page.size, in: slot, of: source)
        #expect(fill().allSatisfy { $0 == 0 })
    }
    /// A badge is inherited by whoever asks for none, and stays.
    @Test func aBadgeIsInherited() {
        let bench = Bench()
        let badged = bench.badge(bench.create(.notification), 0x33)
        let child = bench.derive(badged)
        #expect(bench.slot(child).pointee.badge == 0x33)
        let answer = bench.operate(.derive, child, UInt64(InitialSlot.table), UInt64(bench.freeSlot()), 15, 0x33)
        #expect(answer.status == .noRights)
    }

    /// The same of a look-up that finds either kind of context.
    @Test func aContextThatChangesDuringTheLookUpIsNotFound() {
        let bench = Bench(cores: 2)
        let first = bench.makeThread(starts: false), second = bench.makeVirtualCPU(starts: false)
        let copy = bench.derive(first.slot), core = bench.model.cores[0]
        core.betweenLoads = {
            core.betweenLoads = nil
            let node = bench.slot(copy)
            K.erase(node)
            K.publish(bench.slot(second.slot).pointee.value, in: node, under: bench.slot(second.slot))
        }
        let status = ContextControl.status.rawValue
        #expect(bench.operate(.contextControl, copy, form: status).status == .badCapability)
        #expect(core.betweenLoads == nil)
        #expect(bench.operate(.contextControl, copy, form: status).status == .ok)
    }

    /// Another core empties and fills the slot between a look-up's two looks at it.
    @Test func aSlotThatChangesDuringTheLookUpIsNotFound() {
        let bench = Bench(cores: 2)
        let first = bench.create(.notification), second = bench.create(.notification), copy = bench.derive(first)
        let core = bench.model.cores[0]
        core.betweenLoads = {
            core.betweenLoads = nil
            let node = bench.slot(copy)
            K.erase(node)
            K.publish(bench.slot(second).pointee.value, in: node, under: bench.slot(second))
        }
        bench.operate(.signal, copy, 4)
        let (old, new) = (
            bench.object(first, as: KernelCore.Notification.self),
            bench.object(second, as: KernelCore.Notification.self)
        )
        #expect(old.pointee.bits.load() == 0)
        // The general path looks again and finds the new one.
        #expect(new.pointee.bits.load() == 4)
    }
}
