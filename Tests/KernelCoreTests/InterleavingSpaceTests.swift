import ABI
import Interleaving
import Testing

@testable import KernelCore
@testable import HardwareModel

/// Spaces that are destroyed while other cores still translate by them.
@Suite struct InterleavingSpaceTests {
    private let scenario = KernelScenario(cores: 3)
    private let part: UInt32, space: UInt32, fresh: UInt32
    private let old: Translation
    private let revoker: Tenant
    /// The tenant of core 1, in a space that is destroyed.
    private let tenant: Tenant
    private let others: [Tenant]

    init() {
        let fixture = scenario.fixture
        let part = fixture.create(.region, 1 << 16)
        self.part = part
        space = fixture.freeSlot()
        fresh = fixture.freeSlot()
        func create(_ kind: ObjectKind, _ parameter: UInt64, _ slot: UInt32) {
            while fixture.operate(.create, part, form: UInt32(kind.rawValue), parameter, UInt64(slot)).status == .again
            {}
        }
        create(.addressSpace, 3, space)
        let thread = fixture.create(.thread)
        old = fixture.object(space, as: AddressSpace.self).pointee.translation
        tenant = Tenant(
            context: fixture.object(thread, as: ExecutionContext.self), slot: thread,
            scheduling: fixture.makeScheduling(priority: 10, core: 1), space: space)
        fixture.configure(tenant, core: 1)
        fixture.start(tenant)
        revoker = fixture.makeThread(priority: 10, core: 0)
        others = (1...2).map { fixture.makeThread(priority: $0 == 1 ? 20 : 10, core: $0, notified: true) }
        fixture.sleepRoot()
        fixture.wait(others[0])
        scenario.name(tenant.context, "tenant")
        scenario.name(fixture.object(space, as: AddressSpace.self), "space")
    }

    /// Checks, after the revocation, that no core's hardware translates by the space, whose memory is free.
    private var verify: KernelScenario.Step {
        { [scenario, old, tenant = tenant.context] _, context in
            guard context.pointee.frame.x[0] == Status.ok.rawValue else { return }
            for core in scenario.fixture.model.cores where core.kernelCore.pointee.current == tenant {
                Interleaving.fail("core \(core.kernelCore.pointee.id.number) runs what has no space")
            }
            for core in scenario.fixture.model.cores where core.translation == old {
                Interleaving.fail("core \(core.kernelCore.pointee.id.number) translates by a space that is gone")
            }
        }
    }

    private func explore(
        _ sourceLocation: SourceLocation = #_sourceLocation, _ check: @escaping () -> String? = { nil }
    ) {
        scenario.program(revoker.context, scenario.untilDone(.revoke, part), verify)
        // The new space has the same VMID and place. A large object is cleared in pieces.
        scenario.program(
            revoker.context,
            scenario.untilDone(.create, part, form: UInt32(ObjectKind.addressSpace.rawValue), 3, UInt64(fresh)))
        scenario.explore(.short, sourceLocation: sourceLocation) { [self] in
            guard revoker.context.pointee.frame.x[0] == Status.ok.rawValue, !scenario.fixture.isEmpty(fresh) else {
                return "not done: \(revoker.context.pointee.frame.x[0])"
            }
            let space = scenario.fixture.object(fresh, as: AddressSpace.self)
            guard space.pointee.translation == old else { return "another VMID" }
            for core in scenario.fixture.model.cores where core.translation == old {
                return "core \(core.kernelCore.pointee.id.number) translates by another space"
            }
            return check()
        }
    }

    /// Core 1 runs the tenant, or has run it last and sleeps.
    @Test func aCoreLeavesASpaceThatGoesAway() {
        scenario.endlessly(tenant.context, scenario.wait)
        explore()
    }

    /// Core 1 changes to another thread and back meanwhile.
    @Test func aCoreThatChangesItsSpaceMeanwhileLeavesIt() {
        scenario.endlessly(tenant.context, scenario.wait)
        scenario.endlessly(others[0].context, scenario.listening)
        scenario.program(others[1].context, scenario.signal(others[0].notification, 1))
        explore()
    }

    /// Core 1 returns to the tenant while its space is revoked. The tenant does not run in the old space.
    @Test func aContextThatHasNoSpaceIsNotResumed() {
        let fixture = scenario.fixture
        let bits = fixture.object(others[0].notification, as: KernelCore.Notification.self)
        scenario.atStart = { fixture.model.cores[2].run { K.raise(fixture.core(2), bits, 1) } }
        scenario.endlessly(tenant.context, scenario.wait)
        scenario.endlessly(others[0].context, scenario.listening)
        explore()
    }

    /// Core 2 revokes memory that is mapped in the space.
    @Test func memoryThatIsMappedThereIsTakenBackMeanwhile() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let extent = fixture.create(.extent, Page.size, alignment: Page.size), mapping = fixture.freeSlot()
        fixture.succeed(
            .map, space, UInt64(extent), 0x10_0000, 0, Page.size, UInt64(Rights.readWrite.rawValue), UInt64(mapping))
        fixture.sleepRoot()
        scenario.endlessly(tenant.context, scenario.wait)
        scenario.program(others[1].context, scenario.untilDone(.revoke, extent))
        explore { [self] in
            guard fixture.isEmpty(mapping) else { return "a mapping is left" }
            return others[1].context.pointee.frame.x[0] == Status.ok.rawValue ? nil : "the memory is not taken back"
        }
    }
}

extension KernelScenario {
    /// Repeats an operation until it is done, and waits for nobody meanwhile.
    func untilDone(_ operation: ABI.Operation, _ slot: UInt32, form: UInt32, _ first: UInt64, _ second: UInt64) -> Step
    {
        let once = self.operation(operation, slot, form: form, first, second)
        return { core, context in
            repeat {
                once(core, context)
            } while context.pointee.frame.x[0] == Status.again.rawValue
                && core.kernelCore.pointee.current == context
        }
    }

    /// Performs an operation that is done in pieces and also waits for other cores. They go on after each second piece.
    ///
    /// - Parameter then: is performed at the end, before any interrupt.
    func untilAllIsDone(
        _ operation: ABI.Operation, _ slot: UInt32, form: UInt32 = 0, then: @escaping () -> Void = {}
    ) -> Step {
        let once = self.operation(operation, slot, form: form)
        return { core, context in
            var pieces = 0
            while true {
                once(core, context)
                guard context.pointee.frame.x[0] == Status.again.rawValue else { return then() }
                pieces += 1
                if core.pendingInterrupt == nil, pieces % 2 == 0 { ModelHardware.relax() }
                while core.pendingInterrupt != nil { Self.enter(core) { _ in _ = core.takeInterrupt() } }
                guard core.kernelCore.pointee.current == context else { return }
            }
        }
    }
}

extension Extent {
    /// The extent for scenarios of many accesses: a sample of `usual`.
    static let short = isFull ? usual(cores: 3) : Extent(deviations: 2, schedules: 40, random: 24)
    /// The extent for scenarios whose faults lie between a store and plain accesses, which only random runs play in
    /// every way.
    static let varied = isFull ? usual(cores: 3) : Extent(deviations: 2, schedules: 40, random: 250)
    /// The extent for scenarios of few accesses, whose faults need three deviations.
    static let deep = isFull ? usual(cores: 2) : Extent(deviations: 2, schedules: 250, random: 500)
}
