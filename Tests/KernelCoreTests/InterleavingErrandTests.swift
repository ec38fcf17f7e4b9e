import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// A revoker needs another core to end one of that core's objects, and posts an errand. The design is
/// `Kernel/Proofs/errand.pml`.
@Suite struct InterleavingErrandTests {
    private let scenario = KernelScenario(cores: 3)
    private let part: UInt32
    /// A thread of core 1, made of `part`.
    private let victim: UInt32
    private let revokers: [Tenant]
    private let local: Tenant

    init() {
        let fixture = scenario.fixture
        part = fixture.create(.region, 1 << 14)
        victim = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.thread.rawValue), 0, UInt64(victim))
        let context = fixture.object(victim, as: ExecutionContext.self)
        scenario.name(context, "victim")
        let tenant = Tenant(context: context, slot: victim, scheduling: fixture.makeScheduling(priority: 3, core: 1))
        fixture.configure(tenant, core: 1)
        fixture.start(tenant)
        revokers = [0, 2].map { fixture.makeThread(priority: 10, core: $0) }
        local = fixture.makeThread(priority: 20, core: 1)
        fixture.sleepRoot()
    }

    private var isReused: Bool {
        let region = scenario.fixture.object(part, as: Region.self)
        return region.pointee.next == region.pointee.start
    }

    private var hasErrand: Bool { scenario.fixture.model.cores.contains { $0.kernelCore.pointee.errand.load() != 0 } }

    private func check(_ revokers: [Tenant]) -> String? {
        if hasErrand { return "an errand is left" }
        for status in revokers.map({ $0.context.pointee.frame.x[0] }) where status != Status.ok.rawValue {
            return "a revoker was told \(status)"
        }
        return scenario.fixture.isEmpty(victim) ? nil : "the thread is left"
    }

    @Test func twoRevokersEndWhatOnlyAThirdCoreMayTouch() {
        for revoker in revokers { scenario.program(revoker.context, scenario.untilDone(.revoke, part)) }
        scenario.explore { [self] in check(revokers) ?? (isReused ? nil : "the memory is not free") }
    }

    /// A component of core 1 also revokes and ends the thread itself, and core 2 fills the slot again. An errand that
    /// was on its way must not end the new object.
    @Test func anErrandDoesNotOutliveItsNode() {
        let fixture = scenario.fixture
        scenario.program(revokers[0].context, scenario.untilDone(.revoke, part))
        scenario.program(local.context, scenario.untilDone(.revoke, part))
        let create = scenario.operation(
            .create, fixture.region, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(victim))
        scenario.program(revokers[1].context, create)
        scenario.explore { [self] in
            if hasErrand { return "an errand is left" }
            if revokers[1].context.pointee.frame.x[0] == Status.ok.rawValue {
                return fixture.slot(victim).pointee.kind == .notification ? nil : "an errand has ended something else"
            }
            return nil
        }
    }

    /// Core 1 owns a notification's timer, and gives it up when an errand has already come. Core 0 ends the
    /// notification itself, and core 2 uses the slot.
    @Test func anErrandThatAnotherCoreHasDoneIsForgotten() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let region = fixture.create(.region, 1 << 13), slot = fixture.freeSlot()
        fixture.succeed(.create, region, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(slot))
        fixture.sleepRoot()
        let core = fixture.model.cores[1]
        scenario.atStart = { [self] in
            // Core 1 is inside the kernel meanwhile, so that it does the errand later.
            K.enter(core.kernelCore)
            core.run { K.perform(core.kernelCore, local.context, .timer, slot, TimerForm.set.rawValue, 1 << 60, 1) }
            fixture.model.cores[0].enter { K.perform($0, revokers[0].context, .revoke, region, 0) }
            core.run { K.perform(core.kernelCore, local.context, .timer, slot, TimerForm.cancel.rawValue) }
            K.leave(core.kernelCore)
        }
        scenario.program(revokers[0].context, scenario.untilDone(.revoke, region))
        let create = scenario.operation(
            .create, fixture.region, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(slot))
        scenario.program(revokers[1].context, create)
        scenario.explore { [self] in
            if hasErrand { return "an errand is left" }
            guard revokers[0].context.pointee.frame.x[0] == Status.ok.rawValue else { return "not revoked" }
            guard revokers[1].context.pointee.frame.x[0] == Status.ok.rawValue else { return nil }
            return fixture.slot(slot).pointee.kind == .notification ? nil : "an errand has ended something else"
        }
    }
}

extension Kernel where M == ModelHardware {
    /// Performs an operation in the middle of an entry.
    fileprivate static func perform(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ operation: ABI.Operation, _ slot: UInt32, _ form: UInt32,
        _ words: UInt64...
    ) {
        context.pointee.frame.x[0] = operation.rawValue
        context.pointee.frame.x[1] = Selector(slot: slot, form: form).bits
        for (place, word) in words.enumerated() { context.pointee.frame.x[2 + place] = word }
        operate(core, context)
    }
}
