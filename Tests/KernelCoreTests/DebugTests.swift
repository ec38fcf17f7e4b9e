import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A machine debugs itself. After each entry the model checks that hardware takes debug exceptions only for the virtual
/// CPU that runs, and at its own addresses.
@Suite struct DebugTests {
    private let fixture = Fixture(cores: 2)
    private var core: ModelCore { fixture.model.cores[0] }

    private var floatingPointTraps: Bool { core.kernelCore.pointee.floatingPointTraps }

    private func write(_ tenant: Tenant, _ register: DebugRegister, _ value: UInt64) {
        let index = tenant.context.pointee.core.index
        #expect(fixture.current(index) == tenant.context)
        fixture.enter(index) { K.writeDebug($0, tenant.context, tenant.guest, register, value) }
    }

    private func read(_ tenant: Tenant, _ register: DebugRegister) -> UInt64 { K.readDebug(tenant.guest, register) }

    private func breakpoint(_ number: Int) -> DebugRegister { .comparator(DebugComparator(.breakpointValue, number)) }
    private func breakpointControl(_ number: Int) -> DebugRegister {
        .comparator(DebugComparator(.breakpointControl, number))
    }

    /// Sets a breakpoint at `address` after it has unlocked the registers, as an operating system does.
    private func breakAt(_ address: UInt64, _ tenant: Tenant) {
        write(tenant, .osLockAccess, 0)
        write(tenant, breakpoint(0), address)
        write(tenant, breakpointControl(0), 0x1E5)
        write(tenant, .control, DebugControl.monitorEnable | DebugControl.kernelEnable)
    }

    /// A virtual CPU whose monitor waits for its exits.
    private func makeMachine(priority: UInt64 = 5) -> (machine: Tenant, monitor: Tenant) {
        let monitor = fixture.makeThread(passive: true, starts: false)
        fixture.makeWaiting(monitor)
        return (
            fixture.makeVirtualCPU(priority: priority, slice: 100, portal: fixture.makePortal(to: monitor)), monitor
        )
    }

    // MARK: When hardware obeys

    @Test(arguments: [true, false]) func aMonitorIsNotDebuggedByItsMachine(fast: Bool) {
        fixture.usesFastPath = fast
        let (machine, monitor) = makeMachine()
        fixture.sleepRoot()
        breakAt(0x1000, machine)
        let armed = DebugControl.monitorEnable | DebugControl.kernelEnable
        #expect(core.debugControl == armed)
        for _ in 0..<3 {
            fixture.exit(machine, Words())
            #expect(fixture.hasUsedFastPath == fast)
            #expect(core.debugControl == 0)
            fixture.replyAndWait(monitor)
            #expect(fixture.hasUsedFastPath == fast)
            #expect(core.debugControl == armed)
        }
        write(machine, .control, 0)
        fixture.exit(machine, Words())
        let lazy = core.kernelCore.pointee.lazy
        #expect(lazy == Laziness.floatingPointTraps, "what nobody uses costs nothing")
    }

    @Test func machinesOfACoreDoNotMeetEachOthersBreakpoints() {
        let first = makeMachine().machine, second = makeMachine().machine
        let idle = fixture.makeThread(priority: 5, slice: 100)
        fixture.sleepRoot()
        for _ in 0..<9 {
            if let tenant = [first, second].first(where: { $0.context == fixture.current() }) {
                let address: UInt64 = tenant.context == first.context ? 0x1000 : 0x2000
                if read(tenant, breakpoint(0)) == 0 { breakAt(address, tenant) }
                #expect(read(tenant, breakpoint(0)) == address)
                #expect(core.comparators[0] == address)
            } else {
                #expect(fixture.current() == idle.context)
                #expect(core.debugControl == 0)
            }
            fixture.advance(100)
        }
        #expect(read(first, breakpoint(0)) == 0x1000)
        #expect(read(second, breakpoint(0)) == 0x2000)
    }

    /// Registers that are set but not in use keep their values while another machine uses its own.
    @Test func unusedComparatorsKeepTheirValues() {
        let first = makeMachine().machine, second = makeMachine().machine
        fixture.sleepRoot()
        #expect(fixture.current() == first.context)
        write(first, breakpoint(3), 0x3000)
        fixture.advance(100)
        breakAt(0x2000, second)
        fixture.advance(100)
        #expect(core.debugControl == 0)
        write(first, breakpoint(4), 0x4000)
        #expect(core.comparators[3] == 0x3000 && core.comparators[4] == 0x4000, "written after a change of owner")
        fixture.advance(100)
        #expect(core.comparators[0] == 0x2000)
        fixture.advance(100)
        write(first, .osLockAccess, 0)
        write(first, .control, DebugControl.softwareStep)
        #expect(core.comparators[3] == 0x3000 && core.comparators[0] == 0)
    }

    /// Hardware keeps a machine's comparators while contexts run that do not debug.
    @Test func comparatorsAreLoadedOnce() {
        let machine = makeMachine().machine, other = makeMachine().machine
        fixture.sleepRoot()
        breakAt(0x1000, machine)
        let written = core.comparatorWrites
        for _ in 0..<2 {
            fixture.advance(100)
            #expect(fixture.current() == other.context)
            fixture.advance(100)
            #expect(fixture.current() == machine.context)
        }
        #expect(core.comparatorWrites == written)
    }

    @Test func floatingPointIsSwitchedBesideIt() {
        let (machine, monitor) = makeMachine()
        fixture.sleepRoot()
        breakAt(0x1000, machine)
        fixture.enter { K.floatingPointTrap($0, machine.context) }
        #expect(!floatingPointTraps)
        fixture.exit(machine, Words())
        #expect(floatingPointTraps)
        fixture.replyAndWait(monitor)
        #expect(!floatingPointTraps)
        #expect(core.debugControl != 0)
    }

    // MARK: The end of a life

    @Test func aResetTurnsDebuggingOff() {
        let machine = makeMachine().machine
        fixture.sleepRoot()
        breakAt(0x1000, machine)
        fixture.raiseRoot()
        fixture.stop(machine)
        fixture.succeed(.contextState, machine.slot, form: ContextState.reset.rawValue)
        #expect(read(machine, breakpoint(0)) == 0 && read(machine, .control) == 0)
        #expect(read(machine, .osLockStatus) == 0b1010)
        fixture.start(machine)
        fixture.sleepRoot()
        #expect(fixture.current() == machine.context)
        #expect(core.debugControl == 0)
        write(machine, .osLockAccess, 0)
        write(machine, .control, DebugControl.softwareStep)
        #expect(core.comparators.allSatisfy { $0 == 0 }, "of an earlier life")
    }

    @Test func anotherVirtualCPUInThatMemoryFindsNothing() {
        let machine = makeMachine().machine
        fixture.sleepRoot()
        breakAt(0x1000, machine)
        fixture.raiseRoot()
        while fixture.operate(.revoke, machine.slot, form: 1).status == .again { fixture.settleAll() }
        let owner = core.kernelCore.pointee.debugOwner
        #expect(owner == nil)
    }

    // MARK: Single registers

    @Test func theLocksHoldDebugExceptionsBack() {
        let machine = makeMachine().machine
        fixture.sleepRoot()
        write(machine, .control, DebugControl.softwareStep | 1 << 12)
        #expect(core.debugControl == 0, "a reset locks")
        write(machine, .osLockAccess, 0)
        #expect(core.debugControl == DebugControl.softwareStep, "and no more than that is hardware's")
        write(machine, .osDoubleLock, 1)
        #expect(core.debugControl == 0 && read(machine, .osDoubleLock) == 1)
        write(machine, .osDoubleLock, 0)
        #expect(core.debugControl == DebugControl.softwareStep)
        write(machine, .osLockAccess, 1)
        #expect(core.debugControl == 0 && read(machine, .osLockStatus) == 0b1010)
        #expect(read(machine, .control) == DebugControl.softwareStep | 1 << 12)
    }

    @Test func registersKeepWhatHardwareKeeps() {
        let machine = makeMachine().machine
        fixture.sleepRoot()
        write(machine, breakpoint(2), 0xFFFF_0000_0000_1003)
        #expect(read(machine, breakpoint(2)) == 0xFFFF_0000_0000_1000)
        write(machine, breakpointControl(2), 0x00F0_E1E7)
        #expect(read(machine, breakpointControl(2)) == 0x0070_E1E7, "no comparison with the kernel's registers")
        write(machine, .control, .max)
        #expect(read(machine, .control) == 0xFFFF_FFFF)
        write(machine, .claimSet, 0x1F0)
        write(machine, .claimClear, 0x10)
        #expect(read(machine, .claimSet) == 0xFF && read(machine, .claimClear) == 0xE0)
        write(machine, .empty, .max)
        write(machine, .osLockStatus, .max)
        #expect(read(machine, .empty) == 0 && read(machine, .osLockAccess) == 0)
    }

    @Test func onlyRegistersThatExistHaveAName() {
        let features = ModelHardware.debugFeatures
        func name(_ op1: UInt64, _ crn: UInt64, _ crm: UInt64, _ op2: UInt64) -> DebugRegister? {
            DebugRegister(op1: op1, crn: crn, crm: crm, op2: op2, features)
        }
        #expect(name(0, 0, 5, 4) == .comparator(DebugComparator(.breakpointValue, 5)) && name(0, 0, 6, 4) == nil)
        #expect(name(0, 0, 5, 5) == .comparator(DebugComparator(.breakpointControl, 5)) && name(0, 0, 15, 5) == nil)
        #expect(name(0, 0, 3, 6) == .comparator(DebugComparator(.watchpointValue, 3)) && name(0, 0, 4, 6) == nil)
        #expect(name(0, 0, 3, 7) == .comparator(DebugComparator(.watchpointControl, 3)) && name(0, 0, 4, 7) == nil)
        #expect(name(0, 0, 2, 2) == .control)
        #expect(name(0, 1, 0, 4) == .osLockAccess && name(0, 1, 1, 4) == .osLockStatus)
        #expect(name(0, 1, 3, 4) == .osDoubleLock)
        #expect(name(0, 7, 8, 6) == .claimSet && name(0, 7, 9, 6) == .claimClear)
        var empty: [[UInt64]] = []
        for op1 in 0..<8 as Range<UInt64> {
            for rest in 0..<2048 as Range<UInt64> {
                let (crn, crm, op2) = (rest >> 7, rest >> 3 & 15, rest & 7)
                if name(op1, crn, crm, op2) == .empty { empty.append([op1, crn, crm, op2]) }
            }
        }
        let expected: [[UInt64]] = [
            [0, 0, 0, 2], [0, 0, 2, 0], [0, 0, 3, 2], [0, 0, 6, 2], [0, 1, 0, 0], [0, 1, 4, 4], [0, 7, 14, 6],
            [3, 0, 1, 0], [3, 0, 4, 0], [3, 0, 5, 0],
        ]
        #expect(empty == expected)
    }

    /// ID_AA64DFR0_EL1 (DDI 0487, D19.2.59) of a core, of its machine, and DBGDIDR.
    @Test func identificationPromisesWhatThereIs() {
        let core = DebugFeatures(bits: 0xF0F5_F00F_1030_5F18 | 0xF << 36)
        #expect(core.ofMachine == 0xF0_1030_5008)
        #expect(core.breakpoints == 6 && core.watchpoints == 4 && !core.hasDoubleLock)
        #expect(core.ofProcess == 0x3516_D000)
        #expect(DebugFeatures(bits: 7).ofMachine == 6, "no host extensions")
        #expect(DebugFeatures(bits: 11).ofMachine == 9 && DebugFeatures(bits: 11).hasDoubleLock)
        #expect(DebugFeatures(bits: 6 | 5 << 12 | 3 << 20 | 1 << 28).ofProcess == 0x3516_D000)
    }

    // MARK: AArch32 processes

    private func read(
        _ crn: UInt64, _ crm: UInt64, opc1: UInt64 = 0, opc2: UInt64 = 0, isRead: Bool = true
    ) -> UInt64? {
        let syndrome = 5 << 26 | 1 << 25 | opc2 << 17 | opc1 << 14 | crn << 10 | 3 << 5 | crm << 1 | (isRead ? 1 : 0)
        let access = DebugCoprocessorAccess(syndrome: syndrome, state: 0x10)
        #expect(access.first == 3 && access.second == nil && access.isExecuted)
        return access.answer(ModelHardware.debugFeatures)
    }

    @Test func aProcessReadsItsFewRegisters() {
        #expect(read(0, 0) == 0x3516_D000)
        for (crn, crm) in [(0, 1), (0, 5), (1, 0), (2, 0)] as [(UInt64, UInt64)] { #expect(read(crn, crm) == 0) }
        #expect(read(0, 2) == nil && read(0, 0, opc1: 1) == nil && read(0, 0, opc2: 1) == nil)
        #expect(read(0, 0, isRead: false) == nil && read(0, 5, isRead: false) == nil)
        let pair = DebugCoprocessorAccess(syndrome: 0x0C << 26 | 5 << 10 | 4 << 5 | 2 << 1 | 1, state: 0x10)
        #expect(pair.first == 4 && pair.second == 5 && pair.answer(ModelHardware.debugFeatures) == 0)
        let other = DebugCoprocessorAccess(syndrome: 0x0C << 26 | 3 << 1 | 1, state: 0x10)
        #expect(other.answer(ModelHardware.debugFeatures) == nil)
    }

    /// Conditions by their number, and the flags N, Z, C, V for which they hold.
    @Test func aTrapWhoseConditionFailsDoesNothing() {
        let rules: [@Sendable (Bool, Bool, Bool, Bool) -> Bool] = [
            { _, z, _, _ in z }, { _, z, _, _ in !z }, { _, _, c, _ in c }, { _, _, c, _ in !c },
            { n, _, _, _ in n }, { n, _, _, _ in !n }, { _, _, _, v in v }, { _, _, _, v in !v },
            { _, z, c, _ in c && !z }, { _, z, c, _ in !c || z }, { n, _, _, v in n == v }, { n, _, _, v in n != v },
            { n, z, _, v in n == v && !z }, { n, z, _, v in n != v || z },
            { _, _, _, _ in true }, { _, _, _, _ in true },
        ]
        for (number, rule) in rules.enumerated() {
            for flags in 0..<16 as Range<UInt64> {
                let expected = rule(flags & 8 != 0, flags & 4 != 0, flags & 2 != 0, flags & 1 != 0)
                let condition = AArch32Condition(syndrome: 1 << 24 | UInt64(number) << 20, state: flags << 28 | 0x10)
                #expect(condition.holds == expected, "condition \(number), flags \(flags)")
            }
        }
        // Without a valid condition in the syndrome, the IT block has it: IT is 0x0C, EQ with a second instruction.
        #expect(!AArch32Condition(syndrome: 1 << 20, state: 0x0C00 | 0x30).holds)
        #expect(AArch32Condition(syndrome: 1 << 20, state: 1 << 30 | 0x0C00 | 0x30).holds)
        #expect(AArch32Condition(syndrome: 0, state: 0x30).holds)
    }

    // MARK: Software step

    @Test func anInstructionThatTheMonitorPerformsIsStepped() {
        let (machine, monitor) = makeMachine()
        fixture.sleepRoot()
        let stepping: UInt64 = 1 << 21 | 0x5
        for (extra, counter, state) in [
            (ReplyForm.advance, 0x104 as UInt64, 0x5 as UInt64), (0, 0x100, stepping),
        ] {
            machine.context.pointee.frame.programCounter = 0x100
            machine.context.pointee.frame.processorState = stepping
            fixture.exit(machine, Words())
            fixture.replyAndWait(monitor, extra: extra)
            #expect(machine.context.pointee.frame.programCounter == counter)
            #expect(machine.context.pointee.frame.processorState == state)
        }
    }

    @Test func anITBlockMovesOn() {
        var frame = fixture.root.pointee.frame
        // ITTT EQ: IT is 0b00000001 shifted in from the right.
        for (block, next) in [(0x04, 0x08), (0x1E, 0x1C), (0xB2, 0xA4), (0x08, 0), (0, 0)] as [(UInt64, UInt64)] {
            frame.programCounter = 0x8000
            frame.processorState = 0xF000_0030 | (block & 0xFC) << 8 | (block & 3) << 25 | 1 << 21
            frame.skipAArch32Instruction()
            #expect(RegisterFrame.block(of: frame.processorState) == next)
            #expect(frame.processorState & ~(0xFC << 8 | 3 << 25) == 0xF000_0030)
            #expect(frame.programCounter == 0x8004)
        }
    }
}
