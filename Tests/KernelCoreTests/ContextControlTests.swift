import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The parts of a context, its start, its number in its machine, and its registers.
@Suite struct ContextControlTests {
    private let fixture = Fixture(cores: 2)

    private func control(_ tenant: Tenant, _ form: ContextControl, _ words: UInt64...) -> Status? {
        fixture.operate(
            fixture.root, ABI.Operation.contextControl.rawValue, Selector(slot: tenant.slot, form: form.rawValue), words
        ).status
    }

    private func configure(
        _ tenant: Tenant, space: UInt32? = nil, table: UInt32 = InitialSlot.table, portal: UInt32 = 0,
        time: UInt32? = nil, core: UInt64 = 0
    ) -> Status? {
        control(
            tenant, .configure, UInt64(space ?? tenant.space), UInt64(table), UInt64(portal),
            UInt64(time ?? tenant.scheduling), core)
    }

    // MARK: Configuring

    @Test func onlyAStoppedContextIsConfigured() {
        let thread = fixture.makeThread()
        #expect(configure(thread) == .badState)
        fixture.stop(thread)
        #expect(configure(thread) == .ok)
    }

    @Test func partsMustBeWhatTheyAreCalled() {
        let thread = fixture.makeThread(starts: false)
        let bell = fixture.create(.notification)
        #expect(configure(thread, space: bell) == .badCapability)
        #expect(configure(thread, table: bell) == .badCapability)
        #expect(configure(thread, portal: bell) == .badCapability)
        #expect(configure(thread, time: bell) == .badCapability)
        #expect(configure(thread, space: 0) == .badCapability)
        #expect(configure(thread, core: 2) == .badArgument)
        #expect(configure(thread, core: .max) == .badArgument)
        #expect(configure(thread, table: 0, time: 0) == .ok)
        #expect(thread.context.pointee.table == nil && thread.context.pointee.home == nil)
    }

    /// A context that has a core stays there, and so must its time and its pager.
    @Test func everythingIsOfOneCore() {
        let thread = fixture.makeThread(starts: false)
        let (far, pager) = (fixture.makeScheduling(priority: 5, core: 1), fixture.makeThread(core: 1))
        #expect(configure(thread, time: far) == .wrongCore)
        #expect(configure(thread, time: far, core: 1) == .wrongCore)
        #expect(configure(thread, portal: fixture.makePortal(to: pager)) == .wrongCore)
        #expect(configure(thread, portal: fixture.create(.portal)) == .ok, "it leads to nobody yet")
        #expect(configure(thread, portal: fixture.makePortal(to: fixture.makeThread())) == .ok)
    }

    @Test func timeHasOneOwner() {
        let first = fixture.makeThread(starts: false), second = fixture.makeThread(starts: false)
        #expect(configure(first) == .ok, "its own again")
        #expect(configure(second, time: first.scheduling) == .badState)
        #expect(configure(first, time: fixture.makeScheduling(priority: 3)) == .ok)
        #expect(configure(second, time: first.scheduling) == .ok)
        let time = fixture.object(second.scheduling, as: SchedulingContext.self)
        #expect(time.pointee.context == nil, "the time that was given up is nobody's")
    }

    @Test func machinesAndComponentsShareNoSpace() {
        let machine = fixture.makeVirtualCPU(starts: false), thread = fixture.makeThread(starts: false)
        let fresh = fixture.create(.addressSpace, 8)
        #expect(configure(machine, space: InitialSlot.space) == .badState)
        #expect(configure(thread, space: machine.space) == .badState)
        #expect(configure(thread, space: fresh) == .ok)
        #expect(configure(machine, space: fresh) == .badState)
    }

    /// The badge of the portal is the context's name at its pager, and disappears with the portal.
    @Test func aNewPortalHasItsOwnBadge() {
        let pager = fixture.makeThread(), thread = fixture.makeThread(starts: false)
        let portal = fixture.makePortal(to: pager)
        let portals: [(UInt32, UInt64)] = [
            (fixture.badge(portal, 7), 7), (portal, 0), (fixture.badge(portal, 9), 9), (0, 0),
        ]
        for (slot, badge) in portals {
            #expect(configure(thread, portal: slot) == .ok)
            let found = thread.context.pointee.faultBadge
            #expect(found == badge && (thread.context.pointee.faultPortal == nil) == (slot == 0))
        }
    }

    // MARK: Starting

    @Test func startingNeedsTimeAndParts() {
        let slot = fixture.create(.thread)
        let empty = Tenant(context: fixture.object(slot, as: ExecutionContext.self), slot: slot, scheduling: 0)
        #expect(control(empty, .start) == .badState && control(empty, .startAt) == .badState)
        #expect(configure(empty) == .ok && control(empty, .start) == .badState)
        #expect(empty.state == .stopped)
        #expect(control(fixture.makeThread(), .start) == .ok, "one that runs goes on")
    }

    @Test(arguments: [0, 1]) func startAtSaysWhere(core: Int) {
        let thread = fixture.makeThread(core: core, starts: false)
        #expect(control(thread, .startAt, 0x1000, 0x2000, 3, 4) == .ok)
        fixture.settle(core)
        let frame = thread.context.pointee.frame
        #expect(frame.programCounter == 0x1000 && frame.stackPointer == 0x2000 && frame.x[0] == 3 && frame.x[1] == 4)
        #expect(thread.state == .ready && control(thread, .startAt, 1, 2, 3, 4) == .badState)
        #expect(thread.context.pointee.frame.programCounter == 0x1000)
        fixture.stop(thread)
        fixture.settle(core)
        fixture.start(thread)
        #expect(thread.context.pointee.frame.programCounter == 0x1000, "a plain start leaves the registers")
    }

    @Test func statusTellsStoppedFromRunning() {
        for core in 0...1 {
            let thread = fixture.makeThread(core: core, starts: false)
            let status = { [fixture] in
                fixture.succeed(.contextControl, thread.slot, form: ContextControl.status.rawValue).words[0]
            }
            #expect(status() == ContextStatus.stopped.rawValue)
            fixture.start(thread)
            #expect(status() == ContextStatus.running.rawValue)
            fixture.stop(thread)
            fixture.settle(core)
            #expect(status() == ContextStatus.stopped.rawValue)
        }
    }

    // MARK: Numbers in a machine

    @Test func aVirtualCPUHasOneNumber() {
        let first = fixture.makeVirtualCPU(affinity: 0, starts: false)
        let second = fixture.makeVirtualCPU(space: first.space, affinity: 15, starts: false)
        let space = first.context.pointee.space!
        #expect(control(second, .setAffinity, 0) == .occupied && control(second, .setAffinity, 16) == .badArgument)
        #expect(space.pointee.virtualCPUs[15] == second.context)
        #expect(control(second, .setAffinity, 1) == .ok)
        #expect(space.pointee.virtualCPUs[15] == nil && space.pointee.virtualCPUs[1] == second.context)
        let affinity = second.guest.pointee.affinity
        #expect(affinity == 1)
        #expect(control(fixture.makeThread(starts: false), .setAffinity, 2) == .badState)
        fixture.start(second)
        #expect(control(second, .setAffinity, 3) == .badState)
        // The virtual CPU has no number in another machine.
        fixture.stop(second)
        #expect(configure(second, space: fixture.create(.addressSpace, 8)) == .ok)
        #expect(space.pointee.virtualCPUs[1] == nil && space.pointee.virtualCPUs[0] == first.context)
    }

    // MARK: Registers

    private func state(_ tenant: Tenant, _ form: ContextState, _ words: UInt64...) -> Answer {
        fixture.operate(
            fixture.root, ABI.Operation.contextState.rawValue, Selector(slot: tenant.slot, form: form.rawValue), words)
    }

    @Test(arguments: [0, 27, 30, 31, 32] as [UInt64]) func registersAreReadAsTheyWereWritten(number: UInt64) {
        let thread = fixture.makeThread(starts: false)
        #expect(state(thread, .write, number, 1, 77).status == .ok)
        let read = state(thread, .read, number, 1)
        #expect(read.status == .ok && read.words[2] == 77)
        let frame = thread.context.pointee.frame
        let place = number < 31 ? frame.x[Int(number)] : number == 31 ? frame.stackPointer : frame.programCounter
        #expect(place == 77)
        fixture.start(thread)
        #expect(state(thread, .read, number, 1).status == .badState)
        #expect(state(thread, .write, number, 1, 1).status == .badState)
        #expect(state(thread, .reset).status == .badState)
    }

    @Test func fourAtATime() {
        let thread = fixture.makeThread(starts: false)
        #expect(state(thread, .write, 29, 4, 1, 2, 3, 4).status == .ok)
        #expect(state(thread, .read, 29, 4).words[2...] == [1, 2, 3, 4])
        for count in [0, 5] as [UInt64] {
            #expect(state(thread, .read, 0, count).status == .badArgument)
            #expect(state(thread, .write, 0, count).status == .badArgument)
        }
        // These numbers lie beyond the last one, or belong to registers that only virtual CPUs have.
        for number in [36, 37, RegisterNumber.system, RegisterNumber.system + 48, 136, 191, 256, .max] {
            #expect(state(thread, .read, number, 1).status == .badArgument)
            #expect(state(thread, .write, number, 1).status == .badArgument)
        }
        #expect(state(thread, .write, RegisterNumber.processorState, 1, 5).status == .badArgument)
        #expect(state(thread, .write, RegisterNumber.processorState, 1, 1 << 30).status == .ok)
        let unknown = fixture.operate(.contextState, thread.slot, form: 3, 0, 1).status
        #expect(unknown == .unsupported)
    }

    @Test func countersOfAVirtualCPUAreReadWhileItRuns() {
        let machine = fixture.makeVirtualCPU(starts: false)
        machine.guest.pointee.exits[0].relaxedStore(5)
        machine.guest.pointee.system[47] = 6
        #expect(state(machine, .read, RegisterNumber.system + 47, 1).words[2] == 6)
        #expect(state(machine, .write, RegisterNumber.system + 47, 1, 1).status == .badArgument)
        fixture.start(machine)
        #expect(state(machine, .read, RegisterNumber.counters, 1).words[2] == 5)
        #expect(state(machine, .read, RegisterNumber.counters - 1, 2).status == .badState)
        #expect(state(machine, .write, RegisterNumber.counters, 1, 1).status == .badState)
    }

    /// A reset keeps nothing but the place in the machine and the counters.
    @Test func aResetForgets() {
        let machine = fixture.makeVirtualCPU(affinity: 3, starts: false)
        let context = machine.context
        for number in 0..<33 as Range<UInt64> { #expect(state(machine, .write, number, 1, 9).status == .ok) }
        for index in 0..<64 { context.pointee.floatingPoint.registers[index] = 8 }
        context.pointee.floatingPoint.control = 8
        context.pointee.floatingPoint.status = 8
        for index in 0..<48 { machine.guest.pointee.system[index] = 7 }
        machine.guest.pointee.exits[1].relaxedStore(5)
        #expect(state(machine, .reset).status == .ok)
        let frame = context.pointee.frame
        #expect((0..<31).allSatisfy { frame.x[$0] == 0 } && frame.stackPointer == 0 && frame.programCounter == 0)
        #expect((0..<64).allSatisfy { context.pointee.floatingPoint.registers[$0] == 0 })
        let (control, status) = (context.pointee.floatingPoint.control, context.pointee.floatingPoint.status)
        #expect(control == 0 && status == 0 && (0..<48).allSatisfy { machine.guest.pointee.system[$0] == 0 })
        let (affinity, state) = (machine.guest.pointee.affinity, frame.processorState)
        #expect(affinity == 3 && machine.guest.pointee.exits[1].load() == 5 && state == 0x3C5)
    }
}
