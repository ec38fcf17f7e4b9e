import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Exits of virtual CPUs and the answers to them. For each condition of a fast path there is a case; other cases take
/// the path.
@Suite struct FastExitGuardTests {
    /// A machine's virtual CPU runs, and its monitor waits.
    private struct Parts {
        let fixture: Fixture
        let monitor: Tenant
        let machine: Tenant
        let other: Tenant

        init(_ fixture: Fixture, machinePriority: UInt64 = 5) {
            self.fixture = fixture
            monitor = fixture.makeThread(priority: 20, notified: true)
            let portal = fixture.badge(fixture.makePortal(to: monitor), 33)
            machine = fixture.makeVirtualCPU(priority: machinePriority, portal: portal)
            other = fixture.makeVirtualCPU(priority: 7, portal: portal, starts: false)
            for form in [VirtualInterruptControl.setEdge, .enable] {
                fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
            }
            fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
            fixture.sleep(monitor)
        }

        var tenants: [Tenant] { [monitor, machine, other] }

        var exit: Scene {
            Scene(fixture: fixture, tenants: tenants, caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }

        func answer(_ extra: UInt32 = 0) -> Scene {
            Scene(
                fixture: fixture, tenants: tenants, caller: monitor,
                selector: Selector(slot: 0, form: ReplyForm.reply | ReplyForm.wait | extra),
                words: [7, 8, 9, 10, 11, 12])
        }
    }

    @Test func aPlainExitIsTaken() {
        PathComparison { Parts($0).exit }.expect(isTaken: true)
    }

    /// An exit does not take over the shape of an earlier call.
    @Test func anExitAfterAnAnswerIsTaken() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.exit(parts.machine, Message(9))
            fixture.replyAndWait(parts.monitor)
            return parts.exit
        }.expect(isTaken: true)
    }

    @Test func aMonitorThatIsBusyIsNotCalled() {
        PathComparison { fixture in
            let monitor = fixture.makeThread(priority: 3)
            let machine = fixture.makeVirtualCPU(priority: 5, portal: fixture.makePortal(to: monitor))
            fixture.sleepRoot()
            return Scene(
                fixture: fixture, tenants: [monitor, machine], caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }.expect(isTaken: false)
    }

    @Test(arguments: [true, false]) func anExitToNobodyStops(hasPortal: Bool) {
        PathComparison { fixture in
            let machine = fixture.makeVirtualCPU(priority: 5, portal: hasPortal ? fixture.create(.portal) : 0)
            fixture.sleepRoot()
            return Scene(fixture: fixture, tenants: [machine], caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }.expect(isTaken: false)
    }

    /// A portal can be bound to a thread of another core after the machine was configured.
    @Test func aMonitorOfAnotherCoreIsNotCalled() {
        PathComparison(cores: 2) { fixture in
            let far = fixture.makeThread(priority: 5, core: 1)
            fixture.wait(far)
            let portal = fixture.create(.portal)
            let machine = fixture.makeVirtualCPU(priority: 5, portal: portal)
            fixture.succeed(.contextControl, far.slot, form: ContextControl.bindPortal.rawValue, UInt64(portal))
            fixture.sleepRoot()
            return Scene(fixture: fixture, tenants: [machine, far], caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }.expect(isTaken: false)
    }

    // MARK: Answers

    /// Makes the `Parts` with the monitor at work for the machine.
    private static func serve(_ fixture: Fixture) -> Parts {
        let parts = Parts(fixture)
        fixture.exit(parts.machine, Message(9))
        return parts
    }

    @Test(arguments: [
        0, ReplyForm.advance, ReplyForm.writeArguments, ReplyForm.writeRegister | 8 << ReplyForm.registerShift,
    ]) func aPlainAnswerIsTaken(extra: UInt32) {
        PathComparison { Self.serve($0).answer(extra) }.expect(isTaken: true)
    }

    @Test(arguments: [ReplyForm.refuse, ReplyForm.leaveStopped]) func anAnswerOfAnotherFormIsNot(extra: UInt32) {
        PathComparison { Self.serve($0).answer(extra) }.expect(isTaken: false)
    }

    /// An interrupt that came during the exit must be in a list register when the machine goes on.
    @Test func anAnswerAfterAnInterruptIsNot() {
        PathComparison { fixture in
            let parts = Self.serve(fixture)
            fixture.succeed(
                .interruptControl, parts.machine.slot, form: VirtualInterruptControl.setPending.rawValue, 1, 1 << 8,
                by: parts.monitor.context)
            let isDirty = parts.machine.guest.pointee.isDirty.load()
            #expect(isDirty == 1)
            return parts.answer()
        }.expect(isTaken: false)
        let fixture = Fixture()
        let parts = Self.serve(fixture)
        fixture.succeed(
            .interruptControl, parts.machine.slot, form: VirtualInterruptControl.setPending.rawValue, 1, 1 << 8,
            by: parts.monitor.context)
        fixture.replyAndWait(parts.monitor)
        #expect(fixture.model.cores[0].interruptLine && fixture.model.cores[0].acknowledge() == 40)
    }

    /// Another virtual CPU has run on the core meanwhile, so that hardware does not hold the caller's registers.
    @Test func anAnswerToOneThatIsNotLoadedIsNot() {
        PathComparison { fixture in
            let parts = Self.serve(fixture)
            fixture.raiseRoot()
            let urgent = fixture.makeVirtualCPU(priority: 25)
            fixture.sleepRoot()
            fixture.waitForInterrupt(urgent)
            let loaded = fixture.core(0).pointee.loaded
            #expect(fixture.current() == parts.monitor.context && loaded != parts.machine.context)
            var scene = parts.answer()
            scene.tenants.append(urgent)
            return scene
        }.expect(isTaken: false)
    }

    /// The same for a thread as the caller, for which the loaded virtual CPU does not matter.
    @Test func anAnswerToAThreadIsTakenWhileAMachineIsLoaded() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let client = fixture.makeThread(priority: 8)
            let portal = fixture.makePortal(to: parts.monitor)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            var scene = parts.answer()
            scene.tenants.append(client)
            return scene
        }.expect(isTaken: true)
    }
}
