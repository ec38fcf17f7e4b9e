import ABI
import HardwareModel
import Synchronization
import TestSupport
import Testing

@testable import KernelCore

/// One core reads words without a lock while another core changes them, again and again.
///
/// Without a sanitizer the tests only find a core that never finishes. Run them with `--sanitize=thread`, which finds
/// accesses that nothing orders, because random operations seldom meet in this way.
@Suite(.serialized) struct RaceTests {
    private struct Request {
        var operation: ABI.Operation
        var slot: UInt32
        var form: UInt32 = 0
        var words: [UInt64] = []
    }

    private static let rounds = TestLength.count(short: 200, long: 1500)
    private let fixture = Fixture(cores: 2)
    private let first: Tenant
    private let second: Tenant

    init() {
        fixture.checksInvariants = false
        first = fixture.makeThread(priority: 10, core: 0, notified: true)
        second = fixture.makeThread(priority: 10, core: 1, notified: true)
    }

    /// Lets the current context perform the next request of the core, unless `instead` has done something else with it.
    private func play(
        _ ones: [Request], _ others: [Request],
        instead: @escaping (ModelCore, Ref<ExecutionContext>) -> Bool = { _, _ in false }
    ) {
        fixture.sleepRoot()
        let done = [Steps(), Steps()]
        let threads = [ones, others].enumerated().map { index, requests in
            CoreThread(fixture.model.cores[index], isDone: { done.allSatisfy { $0.count >= Self.rounds } }) {
                core, context in
                defer { done[index].next() }
                guard !instead(core, context) else { return }
                let request = requests[done[index].count % requests.count]
                context.pointee.frame.x[0] = request.operation.rawValue
                context.pointee.frame.x[1] = Selector(slot: request.slot, form: request.form).bits
                for place in 0..<6 {
                    context.pointee.frame.x[2 + place] = place < request.words.count ? request.words[place] : 0
                }
                if K.operateFast(core.kernelCore, context) == nil { K.operate(core.kernelCore, context) }
            }
        }
        for thread in threads { thread.start() }
        for thread in threads where !thread.join() {
            Issue.record("a core waits for ever")
            for other in threads { other.cancel() }
            _ = thread.join()
        }
        #expect(fixture.model.takeFaults().isEmpty)
    }

    private func control(_ tenant: Tenant, _ form: ContextControl, _ words: UInt64...) -> Request {
        Request(operation: .contextControl, slot: tenant.slot, form: form.rawValue, words: words)
    }

    private func remakes(_ source: UInt32, in slot: UInt32, badges: [UInt64] = [1, 2]) -> [Request] {
        badges.flatMap { badge in
            [
                Request(operation: .derive, slot: source, words: [UInt64(InitialSlot.table), UInt64(slot), 15, badge]),
                Request(operation: .revoke, slot: slot, form: RevokeForm.delete.rawValue),
            ]
        }
    }

    @Test func aCapabilityIsFoundWhileItsSlotIsEmptiedAndFilled() {
        let notification = fixture.create(.notification), slot = fixture.freeSlot()
        play(
            [Request(operation: .signal, slot: slot), Request(operation: .poll, slot: slot)],
            remakes(notification, in: slot))
    }

    @Test func aContextIsFoundWhileItsSlotIsEmptiedAndFilled() {
        let slot = fixture.freeSlot()
        play(
            [Request(operation: .contextControl, slot: slot, form: ContextControl.status.rawValue)],
            remakes(first.slot, in: slot, badges: [0]))
    }

    @Test func aPortalIsCalledWhileItIsBoundAnew() {
        let server = fixture.makeThread(priority: 12, core: 1)
        let portal = fixture.makePortal(to: server)
        play(
            [Request(operation: .call, slot: portal)],
            [control(server, .bindPortal, UInt64(portal)), control(first, .bindPortal, UInt64(portal))])
    }

    @Test func aNotificationIsRaisedWhileItIsBoundAnew() {
        let notification = fixture.create(.notification)
        let bind = { (tenant: Tenant) in
            Request(
                operation: .notificationBind, slot: notification, form: NotificationBind.thread.rawValue,
                words: [UInt64(tenant.slot)])
        }
        play(
            [
                Request(operation: .signal, slot: notification, words: [1]), control(first, .setAbortMask, 2),
                Request(operation: .call, slot: 0),
            ],
            [bind(first), bind(second), Request(operation: .signal, slot: notification, words: [1])])
    }

    @Test func timeIsReadAndChangedWhileItIsUsed() {
        let notification = fixture.create(.notification)
        let use = { Request(operation: .scheduleControl, slot: $0, form: ScheduleControl.timeUsed.rawValue) }
        play(
            [
                Request(operation: .scheduleControl, slot: 0, form: ScheduleControl.yield.rawValue),
                use(second.scheduling),
            ],
            [
                use(first.scheduling),
                Request(operation: .scheduleControl, slot: 0, form: ScheduleControl.yield.rawValue),
                Request(operation: .scheduleControl, slot: first.scheduling, words: [0, 10, 1000]),
                Request(
                    operation: .scheduleControl, slot: first.scheduling, form: ScheduleControl.bindOverrun.rawValue,
                    words: [UInt64(notification), 1]),
            ])
    }

    /// A thread's budget runs out repeatedly, and the hearer of that changes.
    @Test func timeIsConfiguredWhileItsBudgetRunsOut() {
        let notification = fixture.create(.notification)
        let budget = fixture.create(.schedulingContext)
        fixture.succeed(.scheduleControl, budget, form: ScheduleControl.configure.rawValue, 0, 11, 100, 50, 200)
        let slot = fixture.create(.thread)
        let tenant = Tenant(context: fixture.object(slot, as: ExecutionContext.self), slot: slot, scheduling: budget)
        fixture.configure(tenant, core: 0)
        fixture.start(tenant)
        let overrun = { (words: [UInt64]) in
            Request(operation: .scheduleControl, slot: budget, form: ScheduleControl.bindOverrun.rawValue, words: words)
        }
        play(
            [
                Request(operation: .scheduleControl, slot: 0, form: ScheduleControl.yield.rawValue),
                Request(operation: .poll, slot: first.notification),
            ],
            [
                overrun([UInt64(notification), 1]),
                Request(operation: .scheduleControl, slot: budget, words: [0, 11, 100, 50, 200]), overrun([]),
                Request(operation: .scheduleControl, slot: budget, form: ScheduleControl.timeUsed.rawValue),
            ]
        ) { core, _ in
            if core.id.index == 0 { fixture.model.advance(by: 20) }
            return false
        }
    }

    @Test func aContextIsStartedAndStoppedFromBothSides() {
        let other = fixture.makeThread(priority: 8, core: 0)
        let requests = [
            control(other, .stop), control(other, .status), control(other, .start), control(other, .setAbortMask, 1),
            control(other, .abort),
            control(
                other, .configure, UInt64(other.space), UInt64(InitialSlot.table), 0, UInt64(other.scheduling), 0),
            control(other, .startAt, 0),
        ]
        play(requests, requests)
    }

    /// A thread faults without a server, while the notification for its stop is bound anew.
    @Test func aContextFaultsWhileWhatHearsOfItIsBoundAnew() {
        let notification = UInt64(second.notification)
        let victim = fixture.makeThread(priority: 20, core: 0)
        play(
            [control(victim, .start)],
            [
                control(victim, .bindStopped, notification, 1), control(victim, .bindStopped, 0),
                control(victim, .bindStopped, notification, 2),
            ]
        ) { core, context in
            guard context == victim.context else { return false }
            K.exit(core.kernelCore, context, Words(1))
            return true
        }
    }

    /// A thread calls itself, in vain, with a long message, and faults.
    @Test func aTableAPageAndAPortalGoWhileTheyAreUsed() {
        let victim = fixture.makeThread(priority: 9, core: 1)
        let parts = [
            fixture.create(.capabilityTable, 16), fixture.create(.extent, Page.size, alignment: Page.size),
            fixture.makePortal(to: victim),
        ]
        fixture.succeed(.derive, parts[2], UInt64(parts[0]), 3, 15)
        let copies = parts.map { _ in fixture.freeSlot() }
        let status = control(victim, .status)
        let make = zip(parts, copies).map {
            Request(operation: .derive, slot: $0, words: [UInt64(InitialSlot.table), UInt64($1), 15])
        }
        let unmake = copies.map { Request(operation: .revoke, slot: $0, form: RevokeForm.delete.rawValue) }
        let configure = control(
            victim, .configure, UInt64(victim.space), UInt64(copies[0]), UInt64(copies[2]), UInt64(victim.scheduling), 1
        )
        fixture.stop(second)
        let turns = Steps()
        play(
            make + [
                control(victim, .stop), status, status, status, configure,
                control(victim, .setMessagePage, UInt64(copies[1])),
            ]
                + [control(victim, .start), status, status, status] + unmake,
            [Request(operation: .call, slot: 3, form: 8), Request(operation: .signal, slot: 3)]
        ) { core, context in
            guard context == victim.context else { return false }
            turns.next()
            guard turns.count % 16 == 0 else { return false }
            K.exit(core.kernelCore, context, Words(1))
            return true
        }
    }

    @Test func aVirtualCPUTakesInterruptsWhileTheyAreChanged() {
        let machine = fixture.makeVirtualCPU(priority: 5, core: 0)
        let change = { (form: VirtualInterruptControl, words: [UInt64]) in
            Request(operation: .interruptControl, slot: machine.slot, form: form.rawValue, words: words)
        }
        let requests = [
            change(.setForwarding, [0, 1]), change(.enable, [1, .max]), change(.setEdge, [1, 0xFF]),
            change(.setPriority, [40, 8]),
            change(.setPending, [1, 0xFFFF]), change(.readWord, [1]), change(.setActive, [1, 4]),
            change(.readPriority, [40]),
            change(.clearPending, [1, 6]), change(.clearActive, [1, 4]),
            Request(
                operation: .contextState, slot: machine.slot, form: ContextState.read.rawValue,
                words: [RegisterNumber.counters, 4]),
        ]
        fixture.stop(first)
        play(requests, requests) { core, context in
            guard context == machine.context else { return false }
            let interrupt = core.acknowledge()
            if interrupt != 1023 { core.end(interrupt) }
            return true
        }
    }

    @Test func aVirtualCPUIsResetWhileItsInterruptsAreChanged() {
        let machine = fixture.makeVirtualCPU(priority: 5, core: 0, starts: false)
        let change = { (form: VirtualInterruptControl, words: [UInt64]) in
            Request(operation: .interruptControl, slot: machine.slot, form: form.rawValue, words: words)
        }
        play(
            [
                Request(operation: .contextState, slot: machine.slot, form: ContextState.reset.rawValue),
                control(machine, .setAffinity, 3),
            ],
            [
                change(.setPending, [1, 0xFFFF]), change(.setPriority, [40, 8]), change(.readWord, [1]),
                change(.setLevel, [40, 1]),
                Request(
                    operation: .contextState, slot: machine.slot, form: ContextState.read.rawValue,
                    words: [RegisterNumber.counters, 4]),
            ])
    }

    @Test func spacesAreLeftWhileTheyGo() {
        let slot = fixture.freeSlot()
        let status = control(first, .status)
        play(
            [Request(operation: .scheduleControl, slot: 0, form: ScheduleControl.yield.rawValue), status],
            [
                Request(
                    operation: .create, slot: fixture.region, form: UInt32(ObjectKind.addressSpace.rawValue),
                    words: [1, UInt64(slot)]),
                Request(operation: .revoke, slot: slot, form: RevokeForm.delete.rawValue),
            ])
    }

    @Test func memoryIsCopiedWhileItIsMapped() {
        let extent = fixture.create(.extent, 16 * Page.size, alignment: Page.size), slot = fixture.freeSlot()
        play(
            [
                Request(
                    operation: .map, slot: InitialSlot.space,
                    words: [UInt64(extent), 0x40_0000, 0, Page.size, 3, UInt64(fixture.freeSlot())])
            ],
            [
                Request(
                    operation: .map, slot: InitialSlot.space,
                    words: [UInt64(extent), 0x80_0000, 0, Page.size, 3, UInt64(slot)]),
                Request(operation: .revoke, slot: slot, form: RevokeForm.delete.rawValue),
            ])
    }

    @Test func countersAreReadWhileTheyCount() {
        let read = [0, 1].map {
            Request(
                operation: .system, slot: RootSlot.system, form: SystemForm.readCounter.rawValue,
                words: [$0, SystemCounter.switches.rawValue])
        }
        play(read + [Request(operation: .scheduleControl, slot: 0, form: ScheduleControl.yield.rawValue)], read)
    }
}

/// A count that orders nothing, because it would otherwise hide the races that the tests should find.
private final class Steps: Sendable {
    private let steps = Atomic<Int>(0)
    var count: Int { steps.load(ordering: .relaxed) }
    func next() { steps.add(1, ordering: .relaxed) }
}
