import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A machine with interrupts 27 and 40 enabled. The test plays the thread that is its monitor.
private struct Machine {
    let fixture: Fixture
    let tenant: Tenant
    var core: ModelCore { fixture.model.cores[0] }

    init(fixture: Fixture = Fixture(), priority: UInt64 = 5) {
        self.fixture = fixture
        tenant = fixture.makeVirtualCPU(priority: priority)
        control(.setForwarding, 0, 1)
        control(.enable, 0, 1 << 27 | 1 << 30 | 0xFFFF)
        control(.enable, 1, 0xFFFF_FFFF)
        for number in [27, 30] + Array(32..<48) { control(.setPriority, UInt64(number), 0xA0) }
    }

    /// Makes a change by root, which must be current.
    func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        fixture.succeed(.interruptControl, tenant.slot, form: form.rawValue, index, value)
    }

    func pend(_ interrupt: UInt32) { fixture.enter { K.pend($0, tenant.context, interrupt) } }
    func wait() { fixture.waitForInterrupt(tenant) }
    var sleeps: Bool { tenant.state == .waitingForInterrupt }
    var runs: Bool { fixture.current() == tenant.context }
}

@Suite struct WaitForInterruptTests {
    @Test func itSleepsUntilAnInterruptCanBeTaken() {
        let machine = Machine()
        machine.fixture.sleepRoot()
        machine.wait()
        #expect(machine.sleeps && machine.fixture.current() == nil)
        machine.pend(40)
        #expect(machine.runs)
        #expect(machine.core.acknowledge() == 40)
        machine.core.end(40)
        machine.fixture.settle()
        machine.wait()
        #expect(machine.sleeps)
    }

    @Test func itDoesNotSleepWhileOneIsPending() {
        let machine = Machine()
        machine.fixture.sleepRoot()
        machine.pend(40)
        machine.wait()
        #expect(machine.runs)
    }

    @Test func aDisabledInterruptDoesNotWakeUntilItIsEnabled() {
        let machine = Machine()
        machine.control(.disable, 1, 1 << 8)
        machine.fixture.sleepRoot()
        machine.wait()
        machine.pend(40)
        #expect(machine.sleeps)
        machine.fixture.raiseRoot()
        machine.control(.enable, 1, 1 << 8)
        machine.fixture.sleepRoot()
        #expect(machine.runs)
        #expect(machine.core.acknowledge() == 40)
    }

    /// The guest ends an edge interrupt, whose list register signals nothing, and sleeps. The kernel still has it as
    /// listed when the next edge comes.
    @Test func anEndThatTheKernelHasNotSeenDoesNotHideTheNextInterrupt() {
        let machine = Machine()
        machine.control(.setEdge, 1, 0xFFFF_FFFF)
        machine.fixture.sleepRoot()
        for _ in 0..<3 {
            machine.pend(40)
            #expect(machine.runs)
            #expect(machine.core.acknowledge() == 40)
            machine.core.end(40)
            machine.wait()
            #expect(machine.sleeps)
        }
    }

    @Test func itsOwnTimerWakesIt() {
        let machine = Machine()
        machine.fixture.sleepRoot()
        machine.core.setTimer(27, machine.fixture.model.now + Ticks(100))
        machine.wait()
        machine.fixture.advance(99)
        #expect(machine.sleeps)
        machine.fixture.advance(1)
        #expect(machine.runs)
        #expect(machine.core.acknowledge() == 27)
        machine.core.setTimer(27, .never)
        machine.core.end(27)
        machine.fixture.settle()
        #expect(machine.core.pendingInterrupt == nil)
    }

    /// The kernel watches the timer of a virtual CPU that sleeps while another is in hardware.
    @Test(arguments: [27, 30] as [UInt32])
    func aTimerWakesItAlsoWhenAnotherIsLoaded(timer: UInt32) {
        let fixture = Fixture()
        let first = Machine(fixture: fixture, priority: 6)
        let second = Machine(fixture: fixture, priority: 5)
        fixture.sleepRoot()
        first.core.setTimer(timer, fixture.model.now + Ticks(100))
        first.wait()
        #expect(second.runs)
        fixture.advance(99)
        #expect(second.runs && first.sleeps)
        fixture.advance(1)
        #expect(first.runs)
        #expect(first.core.acknowledge() == timer)
        first.core.setTimer(timer, .never)
        first.core.end(timer)
        first.wait()
        #expect(second.runs)
        #expect(second.core.acknowledge() == 1023)
    }

    @Test func registersAndInterruptsOfEachStayItsOwn() {
        let fixture = Fixture()
        let first = Machine(fixture: fixture, priority: 6)
        let second = Machine(fixture: fixture, priority: 5)
        fixture.sleepRoot()
        first.core.systemRegister = 0x11
        first.pend(40)
        #expect(first.core.acknowledge() == 40)
        first.wait()
        second.core.systemRegister = 0x22
        #expect(second.core.acknowledge() == 1023)
        second.pend(41)
        #expect(second.core.acknowledge() == 41)
        first.pend(42)
        #expect(first.runs && first.core.systemRegister == 0x11)
        first.core.end(40)
        #expect(first.core.acknowledge() == 42)
        first.core.end(42)
        first.wait()
        #expect(second.runs && second.core.systemRegister == 0x22)
        second.core.end(41)
        fixture.settle()
        #expect(second.tenant.guest.pointee.usedListRegisters[0] == 0)
    }

    /// An interrupt that lost its list register while active is ended. Another virtual CPU is loaded before the kernel
    /// learns of it.
    @Test func anEndWithoutAListRegisterSurvivesASwitch() {
        let fixture = Fixture()
        let urgent = fixture.makeThread(priority: 9, notified: true)
        let other = Machine(fixture: fixture, priority: 6)
        let machine = Machine(fixture: fixture, priority: 5)
        for step in 0..<6 { machine.control(.setPriority, 32 + UInt64(step), UInt64(0x80 - 0x10 * step)) }
        fixture.sleepRoot()
        fixture.wait(urgent)
        other.wait()
        for step in 0..<6 {
            machine.pend(32 + UInt32(step))
            #expect(machine.core.acknowledge() == 32 + UInt32(step))
        }
        for step in (2..<6).reversed() {
            machine.core.end(32 + UInt32(step))
            fixture.settle()
        }
        machine.core.end(33)
        // The maintenance interrupt is pending, but another one comes first.
        other.pend(40)
        #expect(other.runs)
        #expect(other.core.acknowledge() == 40)
        other.core.end(40)
        other.wait()
        #expect(machine.runs)
        fixture.settle()
        machine.core.end(32)
        fixture.settle()
        machine.pend(32)
        #expect(machine.core.acknowledge() == 32)
        machine.pend(33)
        #expect(machine.core.acknowledge() == 33)
    }

    /// The guest ends an interrupt that is pending again, and waits before the kernel takes the maintenance interrupt.
    /// Another virtual CPU is loaded at once, so that this interrupt never comes.
    @Test(arguments: ["level", "edge", "without a list register"])
    func anEndRightBeforeTheWaitIsSeen(kind: String) {
        let fixture = Fixture()
        let machine = Machine(fixture: fixture, priority: 6)
        let other = Machine(fixture: fixture, priority: 5)
        machine.control(.setEdge, 1, kind == "level" ? 0 : 0xFFFF_FFFF)
        if kind == "level" { machine.control(.setLevel, 40, 1) }
        let count = kind == "without a list register" ? 5 : 0
        for step in 0..<count { machine.control(.setPriority, 41 + UInt64(step), UInt64(0x80 - 0x10 * step)) }
        fixture.sleepRoot()
        machine.pend(40)
        #expect(machine.core.acknowledge() == 40)
        for step in 0..<count {
            machine.pend(41 + UInt32(step))
            #expect(machine.core.acknowledge() == 41 + UInt32(step))
        }
        machine.pend(40)
        for step in (0..<count).reversed() {
            machine.core.end(41 + UInt32(step))
            fixture.settle()
        }
        machine.core.end(40)
        machine.wait()
        fixture.settle()
        #expect(machine.runs && !other.runs)
        #expect(machine.core.acknowledge() == 40)
    }

    /// A timer's interrupt is pending by its line. A monitor that made it pending would let the kernel look for ever.
    @Test(arguments: [27, 30] as [UInt64])
    func theLevelOfATimerIsItsLines(interrupt: UInt64) {
        let fixture = Fixture()
        let machine = fixture.makeVirtualCPU()
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        fixture.succeed(
            .interruptControl, machine.slot, form: VirtualInterruptControl.enable.rawValue, 0, 1 << interrupt)
        let form = VirtualInterruptControl.setLevel.rawValue
        #expect(fixture.operate(.interruptControl, machine.slot, form: form, interrupt, 1).status == .badArgument)
        #expect(fixture.operate(.interruptControl, machine.slot, form: form, interrupt + 32, 1).status == .ok)
        fixture.succeed(
            .interruptControl, machine.slot, form: VirtualInterruptControl.setPending.rawValue, 0, 1 << interrupt)
        fixture.sleepRoot()
        #expect(fixture.current() == machine.context)
    }
}
