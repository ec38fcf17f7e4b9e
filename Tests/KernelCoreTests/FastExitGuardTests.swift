import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Exits of virtual CPUs and the answers to them: a case for each condition of a fast path, and cases that it takes.
@Suite struct FastExitGuardTests {
    /// A machine's virtual CPU runs, and its monitor waits.
    private struct Parts {
        let bench: Bench
        let monitor: Tenant
        let machine: Tenant
        let other: Tenant

        init(_ bench: Bench, machinePriority: UInt64 = 5) {
            self.bench = bench
            monitor = bench.makeThread(priority: 20, notified: true)
            let portal = bench.badge(bench.makePortal(to: monitor), 33)
            machine = bench.makeVirtualCPU(priority: machinePriority, portal: portal)
            other = bench.makeVirtualCPU(priority: 7, portal: portal, starts: false)
            for form in [VirtualInterruptControl.setEdge, .enable] {
                bench.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
            }
            bench.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
            bench.sleep(monitor)
        }

        var tenants: [Tenant] { [monitor, machine, other] }

        var exit: Scene {
            Scene(bench: bench, tenants: tenants, caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }

        func answer(_ extra: UInt32 = 0) -> Scene {
            Scene(
                bench: bench, tenants: tenants, caller: monitor,
                selector: Selector(slot: 0, form: ReplyForm.reply | ReplyForm.wait | extra),
                words: [7, 8, 9, 10, 11, 12])
        }
    }

    @Test func aPlainExitIsTaken() {
        PathComparison { Parts($0).exit }.expect(isTaken: true)
    }

    /// The shape of a call of another kind does not travel with an exit.
    @Test func anExitAfterAnAnswerIsTaken() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.exit(parts.machine, Message(9))
            bench.replyAndWait(parts.monitor)
            return parts.exit
        }.expect(isTaken: true)
    }

    @Test func aMonitorThatIsBusyIsNotCalled() {
        PathComparison { bench in
            let monitor = bench.makeThread(priority: 3)
            let machine = bench.makeVirtualCPU(priority: 5, portal: bench.makePortal(to: monitor))
            bench.sleepRoot()
            return Scene(bench: bench, tenants: [monitor, machine], caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }.expect(isTaken: false)
    }

    @Test(arguments: [true, false]) func anExitToNobodyStops(hasPortal: Bool) {
        PathComparison { bench in
            let machine = bench.makeVirtualCPU(priority: 5, portal: hasPortal ? bench.create(.portal) : 0)
            bench.sleepRoot()
            return Scene(bench: bench, tenants: [machine], caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }.expect(isTaken: false)
    }

    /// A portal can be bound to a thread of another core after the machine was configured.
    @Test func aMonitorOfAnotherCoreIsNotCalled() {
        PathComparison(cores: 2) { bench in
            let far = bench.makeThread(priority: 5, core: 1)
            bench.wait(far)
            let portal = bench.create(.portal)
            let machine = bench.makeVirtualCPU(priority: 5, portal: portal)
            bench.succeed(.contextControl, far.slot, form: ContextControl.bindPortal.rawValue, UInt64(portal))
            bench.sleepRoot()
            return Scene(bench: bench, tenants: [machine, far], caller: machine, exit: Message(1, 2, 3, 4, 5, 6))
        }.expect(isTaken: false)
    }

    // MARK: Answers

    /// The monitor at work for the machine.
    private static func serve(_ bench: Bench) -> Parts {
        let parts = Parts(bench)
        bench.exit(parts.machine, Message(9))
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
        PathComparison { bench in
            let parts = Self.serve(bench)
            bench.succeed(
                .interruptControl, parts.machine.slot, form: VirtualInterruptControl.setPending.rawValue, 1, 1 << 8,
                by: parts.monitor.context)
            let isDirty = parts.machine.guest.pointee.isDirty.load()
            #expect(isDirty == 1)
            return parts.answer()
        }.expect(isTaken: false)
        let bench = Bench()
        let parts = Self.serve(bench)
        bench.succeed(
            .interruptControl, parts.machine.slot, form: VirtualInterruptControl.setPending.rawValue, 1, 1 << 8,
            by: parts.monitor.context)
        bench.replyAndWait(parts.monitor)
        #expect(bench.model.cores[0].interruptLine && bench.model.cores[0].acknowledge() == 40)
    }

    /// Another virtual CPU has run on the core meanwhile, so that the caller's registers are not in hardware.
    @Test func anAnswerToOneThatIsNotLoadedIsNot() {
        PathComparison { bench in
            let parts = Self.serve(bench)
            bench.raiseRoot()
            let urgent = bench.makeVirtualCPU(priority: 25)
            bench.sleepRoot()
            bench.waitForInterrupt(urgent)
            let loaded = bench.core(0).pointee.loaded
            #expect(bench.current() == parts.monitor.context && loaded != parts.machine.context)
            var scene = parts.answer()
            scene.tenants.append(urgent)
            return scene
        }.expect(isTaken: false)
    }

    /// The same for a thread as the caller: the virtual CPU that is loaded does not matter.
    @Test func anAnswerToAThreadIsTakenWhileAMachineIsLoaded() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let client = bench.makeThread(priority: 8)
            let portal = bench.makePortal(to: parts.monitor)
            bench.sleepRoot()
            bench.call(portal, by: client)
            var scene = parts.answer()
            scene.tenants.append(client)
            return scene
        }.expect(isTaken: true)
    }
}
