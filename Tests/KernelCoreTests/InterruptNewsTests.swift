import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// News of the interrupts of a virtual CPU that runs, sleeps, exits, has stopped or has no core yet.
@Suite struct InterruptNewsTests {
    private let fixture = Fixture(cores: 2)
    /// The machine on core 0.
    private let machine: Tenant
    /// The server of the machine's exits.
    private let server: Tenant
    private let monitor: Tenant
    /// The thread on core 1.
    private let remote: Tenant
    private var core: ModelCore { fixture.model.cores[0] }

    init() {
        fixture.checksInvariants = false
        remote = fixture.makeThread(priority: 10, core: 1)
        monitor = fixture.makeThread(priority: 9, notified: true)
        server = fixture.makeThread(priority: 8)
        machine = fixture.makeVirtualCPU(priority: 5, portal: fixture.makePortal(to: server))
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.wait(server)
        for (form, index, value) in Self.beginning { tell(form, index, value) }
        fixture.settleAll()
        #expect(fixture.current() == machine.context)
    }

    typealias Change = (form: VirtualInterruptControl, index: UInt64, value: UInt64)

    private static var beginning: [Change] {
        [(.setEdge, 0, 0xFFFF), (.enable, 0, 0xFFFF_FFFF), (.enable, 1, 0xFFFF_FFFF), (.setForwarding, 0, 1)]
    }
    /// The bit of interrupt 40 in its word.
    private static let bit: UInt64 = 1 << 8

    // MARK: Sources of news

    /// Tells the virtual CPU of a change, by the other core, or by the monitor on the virtual CPU's own core.
    private func tell(
        _ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64, remotely: Bool = true
    ) {
        if remotely {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: remote.context)
        } else {
            fixture.raise(monitor.notification)
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: monitor.context)
            fixture.wait(monitor)
        }
    }

    /// Enters the kernel on the virtual CPU's core for another reason.
    private func look() -> Bool {
        fixture.enter { _ in }
        return isDirty
    }
    private var isDirty: Bool { machine.guest.pointee.isDirty.load() != 0 }

    // MARK: Tests

    /// A context without a core has no core 0 either: that core is not interrupted, and its inbox stays empty.
    @Test(arguments: [false, true]) func oneWithoutACoreIsChangedInSilence(remotely: Bool) {
        fixture.raiseRoot()
        let slot = fixture.create(.virtualCPU)
        var fresh = Tenant(context: fixture.object(slot, as: ExecutionContext.self), slot: slot, scheduling: 0)
        let before = fixture.model.cores.map(\.interruptCount)
        let others: [Change] = [
            (.setPending, 1, Self.bit | 1), (.clearPending, 1, 1), (.setActive, 1, 2), (.disable, 1, 4),
            (.setLevel, 41, 1),
        ]
        for (form, index, value) in Self.beginning + others {
            fixture.succeed(
                .interruptControl, slot, form: form.rawValue, index, value, by: remotely ? remote.context : nil)
        }
        #expect(fixture.model.cores.map(\.interruptCount) == before)
        #expect(fresh.guest.pointee.isDirty.load() != 0 && fresh.state == .stopped)
        fresh.scheduling = fixture.makeScheduling(priority: 5, core: 1)
        fresh.space = fixture.create(.addressSpace, 8)
        fixture.configure(fresh, core: 1)
        fixture.start(fresh)
        fixture.wait(remote)
        #expect(fixture.current(1) == fresh.context)
        #expect(fixture.model.cores[1].acknowledge() == 40)
    }

    /// The virtual CPU's own core is in the kernel already, and looks before the virtual CPU goes on.
    @Test(arguments: [false, true]) func itsOwnCoreIsNotInterrupted(sleeps: Bool) {
        if sleeps { fixture.waitForInterrupt(machine) }
        let before = core.interruptCount
        let changes: [Change] = [
            (.setForwarding, 0, 0), (.setForwarding, 0, 1), (.setPriority, 40, 8), (.setActive, 1, Self.bit),
            (.setPending, 1, Self.bit), (.disable, 1, Self.bit), (.clearActive, 1, Self.bit), (.enable, 1, Self.bit),
        ]
        for (form, index, value) in changes { tell(form, index, value, remotely: false) }
        #expect(core.interruptCount == before)
        #expect(machine.context.pointee.requests.load() == 0)
        #expect(machine.state == .ready && core.acknowledge() == 40)
    }

    /// News ends a virtual CPU's WFI, but no other wait.
    @Test(arguments: [false, true]) func newsDoesNotStartWhatHasStopped(remotely: Bool) {
        fixture.stop(machine, by: remote.context)
        fixture.settleAll()
        tell(.setPending, 1, Self.bit, remotely: remotely)
        for value in [0, 1] as [UInt64] { tell(.setForwarding, 0, value, remotely: remotely) }
        // It counts as stopped although its core has not received the news yet.
        fixture.succeed(.contextState, machine.slot, form: ContextState.read.rawValue, 0, 1, by: remote.context)
        fixture.settleAll()
        #expect(machine.state == .stopped && fixture.current() == nil)
    }

    /// The same holds for a virtual CPU whose exit is being served.
    @Test(arguments: [false, true]) func newsDoesNotAnswerAnExit(remotely: Bool) {
        fixture.exit(machine, Words(1))
        tell(.setPending, 1, Self.bit, remotely: remotely)
        for value in [0, 1] as [UInt64] { tell(.setForwarding, 0, value, remotely: remotely) }
        fixture.settleAll()
        #expect(machine.state == .calling && fixture.current() == server.context)
        fixture.replyAndWait(server)
        #expect(fixture.current() == machine.context && core.acknowledge() == 40)
    }

    /// WFI does not end for an interrupt that cannot be taken.
    @Test(arguments: [false, true]) func anInterruptThatCannotBeTakenWakesNobody(remotely: Bool) {
        fixture.waitForInterrupt(machine)
        let changes: [Change] = [
            (.setForwarding, 0, 0), (.setPending, 1, Self.bit), (.disable, 1, Self.bit), (.setForwarding, 0, 1),
            (.setEdge, 1, 0xF0_0000), (.setPriority, 40, 8), (.setActive, 1, Self.bit), (.enable, 1, Self.bit),
            (.setPending, 2, 1), (.setLevel, 66, 1), (.setLevel, 66, 0), (.disable, 1, 1),
        ]
        for (form, index, value) in changes {
            tell(form, index, value, remotely: remotely)
            fixture.settleAll()
            #expect(machine.state == .waitingForInterrupt, "\(form) \(index) \(value)")
        }
        tell(.clearActive, 1, Self.bit, remotely: remotely)
        fixture.settleAll()
        #expect(machine.state == .ready && core.acknowledge() == 40)
    }

    /// The guest ends an interrupt and then sleeps. The maintenance interrupt of that end does not end the WFI either.
    @Test func aLateEndWakesNobody() {
        tell(.setLevel, 40, 1)
        fixture.settleAll()
        #expect(core.acknowledge() == 40)
        tell(.setLevel, 40, 0)
        fixture.settleAll()
        core.end(40)
        fixture.waitForInterrupt(machine)
        #expect(machine.state == .waitingForInterrupt && core.pendingInterrupt != nil)
        fixture.settle(0)
        #expect(machine.state == .waitingForInterrupt && core.pendingInterrupt == nil)
    }

    /// The maintenance interrupt of an end comes while the virtual CPU's exit is served, and answers nothing.
    @Test func aLateEndAnswersNoExit() {
        tell(.setLevel, 40, 1)
        fixture.settleAll()
        #expect(core.acknowledge() == 40)
        core.end(40)
        fixture.exit(machine, Words(1))
        fixture.settle(0)
        #expect(machine.state == .calling && fixture.current() == server.context)
        fixture.replyAndWait(server)
        #expect(fixture.current() == machine.context && core.acknowledge() == 40)
    }

    /// The next entry of the core sees a change that need not interrupt the core. An interrupt that was placed while
    /// the change was made is then removed.
    @Test func aChangeThatCanWaitIsNotForgotten() {
        tell(.disable, 1, 0xFF00)
        tell(.setPending, 1, Self.bit)
        tell(.setLevel, 41, 1)
        let before = core.interruptCount
        for (form, index, value) in [(.clearPending, 1, Self.bit), (.setLevel, 41, 0), (.disable, 1, 1)] as [Change] {
            #expect(!look())
            tell(form, index, value)
            #expect(isDirty, "\(form)")
        }
        #expect(core.interruptCount == before)
    }

    /// Another waiting interrupt of the same word is no news.
    @Test func aNeighbourThatWaitsIsNoNews() {
        tell(.disable, 1, Self.bit)
        tell(.setLevel, 41, 1)
        fixture.settleAll()
        let before = core.interruptCount
        tell(.setPending, 1, Self.bit)
        #expect(core.interruptCount == before)
        tell(.enable, 1, Self.bit)
        #expect(core.interruptCount > before)
    }

    /// Bits that a thread of another core has not taken yet are no news to the thread.
    @Test func bitsThatAreThereInterruptNobody() {
        fixture.raiseRoot()
        let runner = fixture.makeThread(priority: 20, notified: true)
        fixture.sleepRoot()
        #expect(fixture.current() == runner.context)
        let before = core.interruptCount
        for (bits, count) in [(1, 1), (1, 1), (3, 2), (2, 2), (7, 3)] as [(UInt64, Int)] {
            fixture.succeed(.signal, runner.notification, bits, by: remote.context)
            #expect(core.interruptCount == before + count)
            fixture.settle(0)
        }
    }

    /// A word has 32 interrupts.
    @Test func theUpperHalfOfAMaskMeansNothing() {
        func words() -> [UInt64] {
            let form = VirtualInterruptControl.readWord.rawValue
            let answer = fixture.succeed(.interruptControl, machine.slot, form: form, 3, by: remote.context)
            return Array(answer.words[0..<4])
        }
        let forms: [VirtualInterruptControl] = [
            .enable, .setPending, .setActive, .setEdge, .disable, .clearPending, .clearActive,
        ]
        for form in forms {
            tell(form, 3, 0xFFFF_FFFF << 32)
            #expect(words() == [0, 0, 0, 0], "\(form)")
            fixture.settleAll()
        }
        tell(.enable, 3, .max)
        tell(.setActive, 3, .max)
        #expect(words() == [0xFFFF_FFFF, 0, 0xFFFF_FFFF, 0])
    }
}
