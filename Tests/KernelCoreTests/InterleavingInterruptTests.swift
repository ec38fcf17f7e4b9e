import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// The interrupts of a virtual CPU that enters and leaves its core, while other cores change their state. None is lost,
/// and none comes twice. `InterleavingPendTests` plays the scenarios of the design model.
@Suite struct InterleavingInterruptTests {
    private let scenario = KernelScenario(cores: 3)
    private let machine: Tenant
    /// A component that is more urgent than the machine: each signal takes the virtual CPU out of its core for a while.
    private let disturber: Tenant
    /// Pends interrupt 33, an edge.
    private let edge: UInt32
    /// Its bits are 1 while the guest waits for the line of interrupt 35 to go low.
    private let device: Ref<KernelCore.Notification>
    private let others: [Tenant]
    private let plan = Plan()

    /// The behaviour of the guest's core.
    private final class Plan {
        /// The way in which the guest waits.
        var guest = Guest.sleeps
        /// True if the guest tells the device to lower its line. Otherwise it waits until the line is low.
        var asks = false
        /// True if the disturber makes the edge pending when it is woken.
        var pends = false
    }

    private enum Guest {
        case sleeps
        /// The guest runs until it is interrupted.
        case spins
        /// The guest runs, and takes no interrupt.
        case isMasked
    }

    private static let edgeNumber: UInt32 = 33, levelNumber: UInt32 = 35

    init() {
        let fixture = scenario.fixture
        let machine = fixture.makeVirtualCPU(priority: 5, core: 0)
        self.machine = machine
        disturber = fixture.makeThread(priority: 10, core: 0, notified: true)
        edge = fixture.create(.notification)
        device = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        scenario.name(machine.guest, "guest")
        scenario.name(machine.context, "context")
        fixture.succeed(
            .notificationBind, edge, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot),
            UInt64(Self.edgeNumber))
        for (form, index, value) in Self.beginning {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
        }
        others = (1...2).map { fixture.makeThread(priority: 20, core: $0) }
        fixture.sleepRoot()
    }

    /// 33 and 36 are edges, 35 is a level; all are enabled.
    private static var beginning: [(VirtualInterruptControl, UInt64, UInt64)] {
        [
            (.setEdge, 1, 2 | 16), (.enable, 1, 2 | 8 | 16), (.setForwarding, 0, 1),
        ]
    }

    // MARK: Steps

    private func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) -> KernelScenario.Step {
        scenario.operation(.interruptControl, machine.slot, form: form.rawValue, index, value)
    }
    private var pend: KernelScenario.Step { scenario.signal(edge, 1) }
    private var disturb: KernelScenario.Step { scenario.signal(disturber.notification, 1) }
    private func line(_ isHigh: Bool) -> KernelScenario.Step {
        control(.setLevel, UInt64(Self.levelNumber), isHigh ? 1 : 0)
    }
    /// Raises the line, and lowers it after the guest has asked for that.
    private func raiseAndLower(_ context: Ref<ExecutionContext>) {
        scenario.program(
            context, line(true),
            { [device] _, _ in
                _ = Interleaving.wait(until: { device.pointee.bits.load() != 0 })
            })
        scenario.program(context, line(false), { [device] _, _ in device.pointee.bits.store(0) })
    }

    // MARK: The guest's core

    private func playGuest() {
        scenario.body(0) { core in
            let kind = plan.guest
            while true {
                settle(core)
                if core.kernelCore.pointee.current == machine.context, kind != .isMasked,
                    kind == .sleeps || core.interruptLine
                {
                    let interrupt = core.acknowledge()
                    if interrupt < 1023 {
                        serve(core, interrupt)
                    } else {
                        KernelScenario.enter(core) { K.waitForInterrupt($0, machine.context) }
                    }
                } else if !Interleaving.wait(until: {
                    core.pendingInterrupt != nil || kind != .isMasked && core.interruptLine
                }) {
                    return
                }
            }
        }
    }

    /// Takes the interrupts of the core, and lets the disturber wait again.
    private func settle(_ core: ModelCore) {
        while true {
            while core.pendingInterrupt != nil { KernelScenario.enter(core) { _ in _ = core.takeInterrupt() } }
            guard core.kernelCore.pointee.current == disturber.context else { return }
            // The first time is its start. It makes the edge pending the second time, after it was woken.
            disturber.context.pointee.frame.x[22] &+= 1
            let isWoken = disturber.context.pointee.frame.x[22] == 2
            (isWoken && plan.pends ? pend : scenario.wait)(core, disturber.context)
        }
    }

    private func serve(_ core: ModelCore, _ interrupt: UInt32) {
        let place = 10 + Int(interrupt - Self.edgeNumber)
        machine.context.pointee.frame.x[place] &+= 1
        if interrupt == Self.levelNumber {
            let asks = plan.asks
            if asks { device.pointee.bits.store(1) }
            let isLow = { asks ? device.pointee.bits.load() == 0 : machine.guest.pointee.level[1].load() & 8 == 0 }
            while !isLow(), Interleaving.wait(until: { core.pendingInterrupt != nil || isLow() }) { settle(core) }
        }
        // News may come while it is active.
        settle(core)
        core.end(interrupt)
    }

    // MARK: Conditions

    private func count(_ interrupt: UInt32) -> Int {
        Int(machine.context.pointee.frame.x[10 + Int(interrupt - Self.edgeNumber)])
    }

    private func check(edges: ClosedRange<Int>, levels: ClosedRange<Int> = 0...0, sleeps: Bool = true) -> String? {
        let guest = machine.guest
        guard edges.contains(count(Self.edgeNumber)) else { return "\(count(Self.edgeNumber)) edges were taken" }
        guard levels.contains(count(Self.levelNumber)) else { return "\(count(Self.levelNumber)) levels were taken" }
        guard sleeps == (machine.state == .waitingForInterrupt) else { return "sleeps or does not" }
        guard guest.pointee.pending[1].load() == 0, guest.pointee.active[1].load() == 0 else {
            return "something is left"
        }
        return listed.isEmpty ? nil : "list registers hold \(listed)"
    }

    private var listed: [UInt32] {
        scenario.fixture.model.cores[0].run { (0..<4).map { ModelHardware.listRegister($0) } }
            .filter { !$0.isFree }.map(\.interrupt)
    }

    private func explore(
        _ kind: Guest = .sleeps, sourceLocation: SourceLocation = #_sourceLocation, _ check: @escaping () -> String?
    ) {
        plan.guest = kind
        playGuest()
        scenario.explore(.short, sourceLocation: sourceLocation, check)
    }

    /// The virtual CPU leaves its core and comes back twice.
    @Test func anEdgeComesOnceWhileItsVirtualCPULeavesAndEnters() {
        scenario.program(others[0].context, pend)
        scenario.program(others[1].context, disturb, disturb)
        explore { check(edges: 1...1) }
    }

    @Test func anEdgeThatIsDisabledMeanwhileComesOnce() {
        scenario.program(others[0].context, pend)
        scenario.program(others[1].context, control(.disable, 1, 2), control(.enable, 1, 2))
        explore { check(edges: 1...1) }
    }

    @Test func anEdgeThatIsNotForwardedMeanwhileComesOnce() {
        scenario.program(others[0].context, pend, disturb)
        scenario.program(others[1].context, control(.setForwarding, 0, 0), control(.setForwarding, 0, 1))
        explore { check(edges: 1...1) }
    }

    /// The device lowers its line before the guest has ended the interrupt, and raises it again.
    @Test func aLevelComesOnceForEachTimeItsLineGoesHigh() {
        let times = Extent.isFull ? 2 : 1
        for _ in 0..<times { raiseAndLower(others[0].context) }
        scenario.program(others[1].context, disturb)
        plan.asks = true
        explore { check(edges: 0...0, levels: times...times) }
    }

    /// A line that goes low again at once may be missed, and nothing of it remains.
    @Test func aLineThatGoesLowLeavesNothing() {
        scenario.program(others[0].context, line(true), line(false))
        scenario.program(others[1].context, disturb)
        explore { check(edges: 0...0, levels: 0...1) }
    }

    /// The two changes that an interrupt needs, each by a core of its own.
    enum Pair: CaseIterable, Sendable {
        case pendAndForward, pendAndEnable, pendAndDeactivate, raiseAndForward, raiseAndEnable, raiseAndDeactivate
    }

    /// The interrupt needs two changes of other cores. The last of them tells the core, even if that has looked after
    /// the first.
    @Test(arguments: Pair.allCases, [false, true]) func theLastOfTwoChangesTellsTheCore(pair: Pair, isPendFirst: Bool) {
        let bit: UInt64, isLine: Bool
        switch pair {
        case .pendAndForward, .pendAndEnable, .pendAndDeactivate: (bit, isLine) = (2, false)
        case .raiseAndForward, .raiseAndEnable, .raiseAndDeactivate: (bit, isLine) = (8, true)
        }
        let hindrance: (VirtualInterruptControl, UInt64, UInt64), other: KernelScenario.Step
        switch pair {
        case .pendAndForward, .raiseAndForward:
            (hindrance, other) = ((.setForwarding, 0, 0), control(.setForwarding, 0, 1))
        case .pendAndEnable, .raiseAndEnable: (hindrance, other) = ((.disable, 1, bit), control(.enable, 1, bit))
        case .pendAndDeactivate, .raiseAndDeactivate:
            (hindrance, other) = ((.setActive, 1, bit), control(.clearActive, 1, bit))
        }
        let fixture = scenario.fixture
        fixture.raiseRoot()
        fixture.succeed(.interruptControl, machine.slot, form: hindrance.0.rawValue, hindrance.1, hindrance.2)
        fixture.sleepRoot()
        let pender = others[isPendFirst ? 0 : 1].context
        if isLine { raiseAndLower(pender) } else { scenario.program(pender, pend) }
        plan.asks = isLine
        scenario.program(others[isPendFirst ? 1 : 0].context, other)
        explore { check(edges: isLine ? 0...0 : 1...1, levels: isLine ? 1...1 : 0...0) }
    }

    /// A virtual CPU is reset and started on one core while another core makes an interrupt pending. After the reset
    /// nothing blocks an interrupt, and none is pending that nobody has made pending.
    @Test func anEdgeComesAfterAReset() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        fixture.stop(machine)
        fixture.sleepRoot()
        let state = scenario.operation(.contextState, machine.slot, form: ContextState.reset.rawValue)
        let start = scenario.operation(.contextControl, machine.slot, form: ContextControl.start.rawValue)
        scenario.program(others[0].context, pend)
        scenario.program(others[1].context, state)
        for (form, index, value) in Self.beginning { scenario.program(others[1].context, control(form, index, value)) }
        scenario.program(others[1].context, start, pend)
        explore { check(edges: 1...2) }
    }

    /// Two cores make interrupts of one word pending, for a guest that never sleeps. Its core is interrupted for both.
    @Test func edgesOfTwoCoresInterruptAGuestThatRuns() {
        scenario.program(others[0].context, pend)
        scenario.program(others[1].context, control(.setPending, 1, 16))
        explore(.spins) {
            count(36) == 1 ? check(edges: 1...1, sleeps: false) : "\(count(36)) of the second edge were taken"
        }
    }

    /// The guest runs on, and the disturber makes the interrupt pending on the guest's own core.
    @Test func anEdgeOfItsOwnCoreComesAtOnce() {
        plan.pends = true
        scenario.program(disturber.context, pend)
        scenario.program(others[0].context, disturb)
        scenario.program(others[1].context, disturb)
        explore(.spins) { check(edges: 1...1, sleeps: false) }
    }

    // MARK: The core looks at that very moment

    /// The guest's core looks for another reason. An interrupt that the look misses leaves the virtual CPU dirty.
    @Test func anEdgeThatCameTooLateForALookBringsAnother() {
        let guest = machine.guest
        scenario.fixture.model.cores[0].run { guest.pointee.isDirty.store(1) }
        scenario.body(0) { core in core.enter { _ in K.synchronise(guest) } }
        scenario.body(1) { core in core.enter { K.pend($0, machine.context, Self.edgeNumber) } }
        scenario.body(2) { _ in }
        scenario.explore { [self] in
            let isWaiting = guest.pointee.pending[1].load() == 2
            guard isWaiting == listed.isEmpty else { return isWaiting ? "it is there twice" : "it is lost" }
            return isWaiting && guest.pointee.isDirty.load() == 0 ? "nobody will look" : nil
        }
    }

    /// An interrupt is disabled while its core puts it into a list register. The core is told to remove it.
    @Test func anEdgeThatIsDisabledWhileItIsPlacedIsTakenBack() {
        let guest = machine.guest
        scenario.fixture.model.cores[0].run {
            guest.pointee.pending[1].set(2)
            guest.pointee.isDirty.store(1)
        }
        scenario.body(0) { core in core.enter { _ in K.synchronise(guest) } }
        scenario.program(others[0].context, control(.disable, 1, 2))
        scenario.body(2) { _ in }
        scenario.explore { [self] in
            let isTold = machine.context.pointee.requests.load() & ContextRequest.interrupts != 0
            return listed.isEmpty || isTold ? nil : "it stays in its list register"
        }
    }

    /// The same holds for a line that falls, or whose interrupt is disabled, while its core puts it into a list
    /// register.
    @Test(arguments: [false, true]) func aLineThatFallsWhileItIsPlacedIsTakenBack(isDisabled: Bool) {
        let guest = machine.guest
        scenario.fixture.model.cores[0].run {
            guest.pointee.level[1].set(8)
            guest.pointee.isDirty.store(1)
        }
        scenario.body(0) { core in core.enter { _ in K.synchronise(guest) } }
        scenario.program(others[0].context, isDisabled ? control(.disable, 1, 8) : line(false))
        scenario.body(2) { _ in }
        scenario.explore { [self] in
            let isTold = machine.context.pointee.requests.load() & ContextRequest.interrupts != 0
            return listed.isEmpty || isTold ? nil : "it stays in its list register"
        }
    }

    // MARK: A guest that is masked

    /// The guest takes no interrupt here. One that is disabled meanwhile leaves its list register.
    @Test func anEdgeThatIsDisabledBeforeItIsTakenWaits() {
        scenario.program(others[0].context, pend)
        scenario.program(others[1].context, control(.disable, 1, 2))
        explore(.isMasked) {
            guard listed.isEmpty else { return "it is in a list register" }
            return machine.guest.pointee.pending[1].load() == 2 ? nil : "it is lost"
        }
    }

    @Test func aLineThatGoesLowBeforeItIsTakenIsNoInterrupt() {
        scenario.program(others[0].context, line(true), line(false))
        scenario.program(others[1].context, disturb)
        explore(.isMasked) { check(edges: 0...0, sleeps: false) }
    }

    // MARK: Looks from another core

    /// A monitor on another core reads the word while the edge is put into a list register: it is pending throughout.
    @Test(arguments: [true, false]) func anEdgeThatIsPlacedIsSeenToBePending(isSecond: Bool) {
        let guest = machine.guest
        scenario.fixture.model.cores[0].run {
            guest.pointee.pending[1].set(2)
            guest.pointee.isDirty.store(1)
        }
        scenario.body(0) { core in
            core.enter { _ in
                K.synchronise(guest)
                // Another edge comes while the first one waits in its list register.
                guard isSecond else { return }
                guest.pointee.pending[1].set(2)
                guest.pointee.isDirty.store(1)
                K.synchronise(guest)
            }
        }
        scenario.program(others[0].context, control(.readWord, 1, 0))
        scenario.body(2) { _ in }
        scenario.explore { [self] in
            others[0].context.pointee.frame.x[3] & 2 != 0 ? nil : "neither pending nor listed"
        }
    }
}
