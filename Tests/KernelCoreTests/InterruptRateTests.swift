import ABI
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// The rate at which tenants of other cores can interrupt a core by any operation in a loop.
@Suite struct InterruptRateTests {
    /// Ticks of the model's millisecond; an attack is one operation per tick and core.
    private static let millisecond: UInt64 = 1000
    private let fixture: Fixture
    /// The victim runs on core 0, at the highest priority, and never enters the kernel by itself.
    private let victim: Tenant
    private let attackers: [Tenant]
    /// Objects of core 0 on which the attackers have rights: a thread, a virtual CPU, and a notification for which each
    /// of them waits.
    private let thread: Tenant
    private let machine: Tenant
    private let interrupt: UInt32
    private let sinks: [Tenant]

    init() {
        let fixture = Fixture(cores: 4)
        self.fixture = fixture
        fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
        fixture.checksInvariants = false
        thread = fixture.makeThread(priority: 5, core: 0, notified: true)
        machine = fixture.makeVirtualCPU(priority: 4, core: 0)
        for form in [VirtualInterruptControl.setEdge, .enable] {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
        }
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        sinks = (0..<40).map { _ in fixture.makeThread(priority: 3, core: 0, notified: true) }
        interrupt = fixture.create(.notification)
        fixture.succeed(
            .notificationBind, interrupt, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 40)
        attackers = (1..<4).map { fixture.makeThread(priority: 10, core: $0) }
        victim = fixture.makeThread(priority: 31, core: 0)
        fixture.advance(2 * Self.millisecond)
    }

    private struct Request {
        var operation: ABI.Operation
        var slot: UInt32
        var form: UInt32 = 0
        var words: [UInt64] = []
    }

    /// Lets each attacker repeat its requests for some milliseconds, and returns the most interrupts of core 0 within
    /// one.
    private func attack(milliseconds: Int = 4, _ requests: (Int) -> [Request]) -> Int {
        #expect(fixture.current(0) == victim.context)
        let scripts = attackers.indices.map(requests)
        var most = 0
        for _ in 0..<milliseconds {
            let before = fixture.model.cores[0].interruptCount
            for step in 0..<Int(Self.millisecond) {
                fixture.model.advance(by: 1)
                for (index, attacker) in attackers.enumerated() {
                    // The attacker's own timer sends postponed interrupts.
                    fixture.settle(index + 1)
                    guard fixture.current(index + 1) == attacker.context else { continue }
                    let request = scripts[index][step % scripts[index].count]
                    fixture.operate(
                        attacker.context, request.operation.rawValue,
                        Selector(slot: request.slot, form: request.form), request.words)
                }
                // The victim does not enter by itself, but takes each interrupt, so that nothing is merged.
                fixture.settle(0)
            }
            most = max(most, fixture.model.cores[0].interruptCount - before)
        }
        #expect(fixture.current(0) == victim.context)
        return most
    }

    /// The bound is the average, and twice that within one millisecond, because each sender has a millisecond of its
    /// own.
    private static var bound: Int { 2 * Int(K.interruptsPerMillisecond) }

    private func control(_ form: VirtualInterruptControl, _ words: UInt64...) -> Request {
        Request(operation: .interruptControl, slot: machine.slot, form: form.rawValue, words: words)
    }

    @Test func revocationInterruptsNobody() {
        let slots = attackers.map { _ in fixture.freeSlot() }
        let before = fixture.model.cores[0].interruptCount
        let most = attack { index in
            [
                Request(
                    operation: .derive, slot: interrupt,
                    words: [UInt64(InitialSlot.table), UInt64(slots[index]), 15, 1]),
                Request(operation: .revoke, slot: slots[index], form: RevokeForm.delete.rawValue),
                Request(
                    operation: .derive, slot: attackers[0].scheduling,
                    words: [UInt64(InitialSlot.table), UInt64(slots[index]), 15]),
                Request(operation: .revoke, slot: attackers[0].scheduling),
            ]
        }
        #expect(most == 0 && fixture.model.cores[0].interruptCount == before)
    }

    @Test func signalsAndStopsAreBounded() {
        let start = Request(operation: .contextControl, slot: thread.slot, form: ContextControl.start.rawValue)
        let stop = Request(operation: .contextControl, slot: thread.slot, form: ContextControl.stop.rawValue)
        let most = attack { index in
            [
                Request(operation: .signal, slot: thread.notification, words: [1 << UInt64(index)]),
                Request(operation: .poll, slot: thread.notification), stop, start,
                Request(operation: .signal, slot: interrupt, words: [1]), control(.clearPending, 1, .max),
            ]
        }
        #expect(most > 0 && most <= Self.bound)
    }

    @Test func changesOfAMachineAreBounded() {
        let most = attack { _ in
            [
                control(.setPending, 1, 0xFF), control(.clearPending, 1, 0xFF),
                control(.disable, 1, 0xFF), control(.enable, 1, 0xFF),
                control(.setLevel, 50, 1), control(.setLevel, 50, 0),
                control(.setPriority, 40, 8), control(.setPriority, 40, 16),
                control(.setActive, 1, 1), control(.clearActive, 1, 1),
                control(.setForwarding, 0, 0), control(.setForwarding, 0, 1),
            ]
        }
        #expect(most <= Self.bound)
    }

    /// Many objects at once: a long inbox is worked off at the same rate.
    @Test func manyObjectsAreBounded() {
        let most = attack { index in
            sinks.indices.flatMap { place -> [Request] in
                let slot = sinks[(place + index * 13) % sinks.count].notification
                return [Request(operation: .signal, slot: slot, words: [1]), Request(operation: .poll, slot: slot)]
            }
        }
        #expect(most > 0 && most <= Self.bound)
    }

    // MARK: News that is none

    /// Lets a neighbour ring a doorbell, or signal, a hundred times. Returns the number of interrupts of the virtual
    /// CPU's core.
    private func ring(_ machine: Tenant, on fixture: Fixture, _ sink: UInt32, from ringer: Tenant) -> Int {
        let core = fixture.model.cores[0]
        let before = core.interruptCount
        for _ in 0..<100 {
            fixture.operate(ringer.context, Operation.signal.rawValue, Selector(slot: sink), [1])
            fixture.settle(0)
        }
        return core.interruptCount - before
    }

    /// An interrupt that the guest has masked, has not taken yet, or handles at the moment is not reported repeatedly,
    /// even without a limit of the rate.
    @Test(arguments: ["disabled", "not forwarded", "pending", "active", "asleep", "active without a list register"])
    func anInterruptThatCannotBeDeliveredInterruptsNobody(state: String) {
        let fixture = Fixture(cores: 2)
        let ringer = fixture.makeThread(priority: 10, core: 1)
        let machine = fixture.makeVirtualCPU(priority: 4, core: 0)
        func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
        }
        control(.setEdge, 1, 0xFFFF_FFFF)
        control(.enable, 1, state == "disabled" || state == "asleep" ? 0 : 0xFFFF_FFFF)
        control(.setForwarding, 0, state == "not forwarded" ? 0 : 1)
        if state == "active without a list register" { control(.setActive, 1, 1 << 8) }
        let sink = fixture.create(.notification)
        fixture.succeed(
            .notificationBind, sink, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 40)
        // A virtual CPU that does not run gets one interrupt.
        if state != "pending" { fixture.sleepRoot() }
        if state == "asleep" { fixture.waitForInterrupt(machine) }
        let core = fixture.model.cores[0]
        if state == "active" {
            fixture.operate(ringer.context, Operation.signal.rawValue, Selector(slot: sink), [1])
            fixture.settle(0)
            #expect(core.acknowledge() == 40)
        }
        let count = ring(machine, on: fixture, sink, from: ringer)
        #expect(count <= (state == "active" || state == "pending" ? 1 : 0))
        guard state == "active" else { return }
        // The guest's end delivers the interrupts that came meanwhile, once.
        core.run { core.end(40) }
        fixture.settle(0)
        #expect(core.acknowledge() == 40)
        core.run { core.end(40) }
        fixture.settle(0)
        #expect(core.acknowledge() == 1023)
    }

    /// A monitor on another core repeats a change.
    @Test func aChangeWithoutEffectInterruptsNobody() {
        let fixture = Fixture(cores: 2)
        let monitor = fixture.makeThread(priority: 10, core: 1)
        let machine = fixture.makeVirtualCPU(priority: 4, core: 0)
        let stopped = fixture.makeThread(priority: 4, core: 0, starts: false)
        fixture.sleepRoot()
        let changes: [(VirtualInterruptControl, UInt64, UInt64)] = [
            (.setForwarding, 0, 1), (.enable, 1, 0xF), (.setEdge, 1, 0xF), (.setPriority, 33, 16),
            (.setPending, 1, 0x70), (.setLevel, 50, 1),
            (.setActive, 1, 1), (.disable, 1, 0xF00), (.clearActive, 1, 0xF00), (.clearPending, 1, 0xF00),
            (.setLevel, 51, 0),
        ]
        func repeatAll() {
            for (form, index, value) in changes {
                fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: monitor.context)
                fixture.settle(0)
            }
            fixture.succeed(.contextControl, stopped.slot, form: ContextControl.stop.rawValue, by: monitor.context)
            fixture.settle(0)
        }
        repeatAll()
        let before = fixture.model.cores[0].interruptCount
        for _ in 0..<10 { repeatAll() }
        #expect(fixture.model.cores[0].interruptCount == before)
    }

    // MARK: Nothing is lost

    /// A postponed interrupt arrives when the millisecond ends, without any further action.
    @Test func nothingIsLost() {
        fixture.checksInvariants = TestLength.isLong
        let request = Request(operation: .signal, slot: thread.notification, words: [2])
        let poll = Request(operation: .poll, slot: thread.notification)
        _ = attack(milliseconds: 1) { _ in [request, poll] }
        fixture.checksInvariants = true
        fixture.operate(attackers[0].context, request.operation.rawValue, Selector(slot: request.slot), request.words)
        fixture.advance(Self.millisecond)
        fixture.settle(0)
        #expect(thread.context.pointee.inboxQueued.load() == 0 && fixture.core(0).pointee.inbox.load() == 0)
        #expect((1..<4).allSatisfy { fixture.core($0).pointee.postponed == 0 })
    }
}
