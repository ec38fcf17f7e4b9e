import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Only the server of a virtual CPU's exit can read and write its registers.
@Suite struct ServedRegisterTests {
    private let fixture = Fixture()
    private let monitor: Tenant
    private let machine: Tenant

    init() {
        monitor = fixture.makeThread(priority: 20)
        machine = fixture.makeVirtualCPU(priority: 5, portal: fixture.makePortal(to: monitor))
        fixture.sleep(monitor)
    }

    /// Lets the virtual CPU use floating point, if there is a value for that, and exit.
    private func exit(floatingPoint: UInt64? = nil) {
        if let floatingPoint {
            fixture.enter { K.floatingPointTrap($0, machine.context) }
            fixture.model.cores[0].floatingPoint = floatingPoint
        }
        fixture.model.cores[0].systemRegister = 0x51
        fixture.exit(machine, Message(9))
    }

    private func state(_ form: ContextState, _ words: UInt64..., by tenant: Tenant? = nil) -> Answer {
        fixture.operate(
            (tenant ?? monitor).context, ABI.Operation.contextState.rawValue,
            Selector(slot: machine.slot, form: form.rawValue), words)
    }

    private func read(_ number: UInt64) -> UInt64? {
        let answer = state(.read, number, 1)
        return answer.status == .ok ? answer.words[2] : nil
    }

    private func ownsUnit(_ tenant: Tenant) -> Bool { fixture.core(0).pointee.floatingPointOwner == tenant.context }

    @Test func theServerReadsAndWritesGeneralRegisters() {
        exit()
        for number in 0..<33 as Range<UInt64> {
            #expect(state(.write, number, 1, 100 + number).status == .ok)
            #expect(read(number) == 100 + number)
        }
        #expect(machine.context.pointee.frame.x[30] == 130)
        #expect(state(.reset).status == .badState)
        fixture.replyAndWait(monitor, extra: ReplyForm.advance)
        #expect(machine.context.pointee.frame.programCounter == 132 + 4 && machine.state == .ready)
        #expect(state(.read, 0, 1, by: machine).status == .badState)
    }

    @Test func nobodyElseDoes() {
        exit()
        fixture.raiseRoot()
        #expect(fixture.operate(.contextState, machine.slot, form: 0, 0, 1, 1).status == .badState)
        #expect(fixture.operate(.contextState, machine.slot, form: 1, 0, 1).status == .badState)
    }

    /// A call is no exit, so a call gives its server no right to the client's registers.
    @Test func aCallersRegistersStayItsOwn() {
        fixture.raiseRoot()
        let client = fixture.makeThread(priority: 6)
        let portal = fixture.makePortal(to: monitor)
        fixture.sleepRoot()
        fixture.call(portal, by: client)
        let answer = fixture.operate(
            .contextState, client.slot, form: ContextState.read.rawValue, 0, 1, by: monitor.context)
        #expect(answer.status == .badState)
    }

    /// They are in hardware while the monitor runs, unless another machine has run in between.
    @Test(arguments: [true, false]) func systemRegistersAreThoseOfHardware(isLoaded: Bool) {
        exit()
        if !isLoaded { fixture.enter { K.unloadIfLoaded($0, machine.context) } }
        let place = RegisterNumber.system + UInt64(SystemRegisterPlace.exchanged)
        #expect(read(place) == 0x51)
        #expect(state(.write, place, 1, 1).status == .badArgument)
        #expect(read(RegisterNumber.privilegedStackPointer) == 0x51)
        #expect(state(.write, RegisterNumber.privilegedStackPointer, 1, 0x52).status == .ok)
        #expect(read(place) == 0x52)
        if isLoaded { #expect(fixture.model.cores[0].systemRegister == 0x52) }
    }

    @Test func vectorRegistersComeFromTheUnitAndGoBack() {
        exit(floatingPoint: 0x77)
        #expect(read(RegisterNumber.vectors) == 0x77)
        #expect(!ownsUnit(machine))
        #expect(state(.write, RegisterNumber.vectors, 1, 0x78).status == .ok)
        #expect(state(.write, RegisterNumber.vectors + 60, 4, 1, 2, 3, 4).status == .ok)
        #expect(state(.read, RegisterNumber.vectors + 60, 4).words[2...] == [1, 2, 3, 4])
        #expect(state(.write, RegisterNumber.vectors + 61, 4, 1, 2, 3, 4).status == .badArgument)
        fixture.replyAndWait(monitor, extra: ReplyForm.advance)
        // The next use traps, and finds the written value.
        let traps = fixture.core(0).pointee.floatingPointTraps
        #expect(traps)
        fixture.enter { K.floatingPointTrap($0, machine.context) }
        #expect(fixture.model.cores[0].floatingPoint == 0x78)
    }

    /// Another tenant's registers stay in the unit.
    @Test func othersKeepTheUnit() {
        exit()
        fixture.enter { K.floatingPointTrap($0, monitor.context) }
        fixture.model.cores[0].floatingPoint = 0x79
        #expect(read(RegisterNumber.vectors) == 0)
        #expect(ownsUnit(monitor) && fixture.model.cores[0].floatingPoint == 0x79)
    }
}
