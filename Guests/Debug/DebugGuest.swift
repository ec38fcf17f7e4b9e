import GuestHardware
import GuestSupport
import HostileSupport

/// Debugs itself, as operating systems do: with steps, breakpoints and watchpoints. It prints the same on the bare
/// emulator, in a machine, and in two machines of one core at once.
///
/// In each round it steps through instructions, some of which a monitor or the kernel performs, meets its own
/// breakpoint and watchpoint, and then lets the other machine run, which has its own. It prints `debug: wrong NAME
/// VALUES` for each result that differs from the expected one.
@c(guest_main)
public func guestMain() {
    DebugGuest.identify()
    forever("debug") { number, _ in
        DebugGuest.unlock()
        DebugGuest.step(says: number == 0)
        DebugGuest.breakAndWatch()
        DebugGuest.keepWhileOthersRun()
        DebugGuest.readAsProcess(says: number == 0)
    }
}

private enum DebugGuest {
    /// EL1 with its own stack, debug exceptions unmasked, all others masked.
    private static let kernelState: UInt64 = 0x1C5
    /// EL0, all but debug exceptions masked. AArch32 adds a bit.
    private static let userState: UInt64 = 0x1C0
    private static let stepBit: UInt64 = 1 << 21
    private static let kernelEnable: UInt64 = 1 << 13
    private static let monitorEnable: UInt64 = 1 << 15

    /// The syndromes of debug exceptions within EL1 (Arm ARM, D19.2.37).
    private enum Class {
        static let breakpoint: UInt64 = 0x31
        static let step: UInt64 = 0x33
        static let stepFromEL0: UInt64 = 0x32
        static let watchpoint: UInt64 = 0x35
        static let supervisorCall: UInt64 = 0x15
        static let supervisorCall32: UInt64 = 0x11
    }

    private enum Code {
        static let nop: UInt32 = 0xD503_201F
        static let supervisorCall: UInt32 = 0xD400_0001
        static let hypervisorCall: UInt32 = 0xD400_0002
        static let waitForInterrupt: UInt32 = 0xD503_207F
        /// LDR w2, [x1]
        static let load: UInt32 = 0xB940_0022
        /// STR w2, [x1]
        static let store: UInt32 = 0xB900_0022
        /// B .+8
        static let jump: UInt32 = 0x1400_0002
        /// MRS x2, ID_AA64DFR0_EL1
        static let identify: UInt32 = 0xD538_0502
        /// MRS x0, MDSCR_EL1
        static let readControl: UInt32 = 0xD530_0240
        /// MSR ICC_SGI1R_EL1, xzr: to no processor.
        static let softwareInterrupt: UInt32 = 0xD518_CBBF
        /// In AArch32: MRC p14, 0, r0, c0, c0, 0; SVC #0.
        static let readIdentification: UInt32 = 0xEE10_0E10
        static let supervisorCall32: UInt32 = 0xEF00_0000
    }

    private static let psciVersion: UInt64 = 0x8400_0000

    // MARK: Registers

    private static func register(_ crn: UInt32, _ crm: UInt32, _ op2: UInt32) -> UInt32 {
        (2 << 14 | crn << 7 | crm << 3 | op2) << 5
    }
    private static let control = register(0, 2, 2)
    private static let lockAccess = register(1, 0, 4)
    private static func breakpointValue(_ number: UInt32) -> UInt32 { register(0, number, 4) }
    private static func breakpointControl(_ number: UInt32) -> UInt32 { register(0, number, 5) }
    private static func watchpointValue(_ number: UInt32) -> UInt32 { register(0, number, 6) }
    private static func watchpointControl(_ number: UInt32) -> UInt32 { register(0, number, 7) }

    private static func set(_ register: UInt32, _ value: UInt64) {
        // MSR …, x0
        place([0xD500_0000 | register, Code.supervisorCall, 0, 0])
        if run(kernelState, value) != Class.supervisorCall { say("write", UInt64(register), value) }
    }

    private static func get(_ register: UInt32) -> UInt64 {
        // MRS x0, …
        place([0xD520_0000 | register, Code.supervisorCall, 0, 0])
        if run(kernelState) != Class.supervisorCall { say("read", UInt64(register), 0) }
        return guest_probe_result(UInt64(GUEST_PROBE_X0))
    }

    // MARK: Code

    private static var code: UInt64 { guest_code_buffer() }

    private static func place(_ instructions: InlineArray<4, UInt32>, at offset: UInt64 = 0) {
        for index in 0..<4 {
            guest_store32(code + offset + UInt64(index) * 4, instructions[index])
        }
        guest_publish_code(code + offset, 16)
    }

    /// Runs the placed code until its exception, and returns the exception's class.
    private static func run(
        _ state: UInt64, _ x0: UInt64 = 0, _ x1: UInt64 = 0, at offset: UInt64 = 0
    ) -> UInt64 {
        guest_probe(code + offset, state, x0, x1) >> 26
    }

    /// The offset of the last exception from the start of the code.
    private static var offset: UInt64 { guest_probe_result(UInt64(GUEST_PROBE_PC)) &- code }

    // MARK: The tests

    static func identify() {
        SerialPort.initialize()
        // MRS x0, ID_AA64DFR0_EL1
        place([0xD538_0500, Code.supervisorCall, 0, 0])
        _ = run(kernelState)
        let features = guest_probe_result(UInt64(GUEST_PROBE_X0))
        write("debug: version, breakpoints, watchpoints, context")
        let shifts: InlineArray<4, UInt64> = [0, 12, 20, 28]
        for index in shifts.indices { put(features >> shifts[index] & 15) }
        endLine()
    }

    static func unlock() { set(lockAccess, 0) }

    /// Steps through single instructions. A step exception must follow each, whether the processor, the monitor or
    /// the kernel performs it.
    static func step(says: Bool) {
        place([Code.nop, Code.identify, Code.load, Code.hypervisorCall])
        place([Code.softwareInterrupt, Code.jump, Code.nop, Code.store], at: 16)
        place([Code.waitForInterrupt, Code.readControl, Code.nop, Code.nop], at: 32)
        setStepping(true)
        if says { write("debug: steps") }
        var next: UInt64 = 0
        while next < 44 {
            // The timer wakes WFI. A board's clock is slow enough that the deadline has not passed before.
            if next == 32 { guest_start_timer(100) }
            let at = next
            let kind = run(kernelState | stepBit, psciVersion, Self.data(at), at: at)
            next = offset
            if says { put(next) }
            if kind != Class.step || next != at + (at == 20 ? 8 : 4) { say("step", kind, at) }
            if next <= at || next > 64 { break }
        }
        guest_stop_timer()
        if says { endLine() }
        stepProcess()
        setStepping(false)
    }

    private static let stepper: UInt64 = 0x2000
    /// Sets MDSCR_EL1 by code at an address of its own, so that the code that is being stepped stays.
    private static func setStepping(_ isOn: Bool) {
        place([0xD500_0000 | control, Code.supervisorCall, 0, 0], at: stepper)
        _ = run(kernelState | 1 << 9, isOn ? kernelEnable | 1 : 0, at: stepper)
    }

    /// Returns the address for the load (the serial port's flags) or the store (its interrupt clear register).
    private static func data(_ at: UInt64) -> UInt64 { at == 8 ? SerialPort.flags : SerialPort.flags + 0x2C }

    /// Steps through instructions at EL0, which needs no KDE.
    private static func stepProcess() {
        let places: InlineArray<4, UInt64> = [0, 8, 20, 28]
        for index in places.indices {
            let at = places[index]
            let kind = run(userState | stepBit, 0, Self.data(at), at: at)
            if kind != Class.stepFromEL0 || offset != at + (at == 20 ? 8 : 4) { say("step at EL0", kind, offset) }
        }
    }

    /// True in the machine with more memory, which has memory at this address. In the other one the load aborts.
    private static let isSecond: Bool = {
        place([0xF940_0000, Code.supervisorCall, 0, 0])
        return run(kernelState, 0x4140_0000) == Class.supervisorCall
    }()

    /// The addresses differ in the two machines.
    private static var broken: UInt64 { isSecond ? 8 : 12 }
    private static var watched: UInt64 { code + (isSecond ? 0x1000 : 0x1040) }

    private static func arm() {
        set(breakpointValue(1), code + 0x100 + broken)
        // E, EL1, all four bytes.
        set(breakpointControl(1), 0x1E3)
        set(watchpointValue(1), watched)
        // E, EL1, stores, all eight bytes.
        set(watchpointControl(1), 0x1FF3)
        set(control, monitorEnable | kernelEnable)
    }

    static func breakAndWatch() {
        arm()
        place([Code.nop, Code.load, Code.nop, Code.nop], at: 0x100)
        place([Code.supervisorCall, 0, 0, 0], at: 0x110)
        // The monitor serves the serial port, so the breakpoint outlives an exit.
        let kind = run(kernelState, 0, SerialPort.flags, at: 0x100)
        if kind != Class.breakpoint || offset != 0x100 + broken { say("breakpoint", kind, offset) }
        place([Code.nop, Code.load, Code.store, Code.supervisorCall], at: 0x200)
        let watch = run(kernelState, 0, watched + 4, at: 0x200)
        let address = guest_probe_result(UInt64(GUEST_PROBE_ADDRESS))
        if watch != Class.watchpoint || offset != 0x208 || address != watched + 4 { say("watchpoint", watch, address) }
        if run(kernelState, 0, watched + 8, at: 0x200) != Class.supervisorCall { say("watchpoint", offset, 8) }
    }

    /// Computes for longer than all other tenants of the core may run at a time. Afterwards all settings must be
    /// unchanged.
    static func keepWhileOthersRun() {
        let end = guest_counter() + guest_counter_frequency() / 25
        while guest_counter() < end { guest_spin_hint() }
        let kind = run(kernelState, 0, watched, at: 0x200)
        if kind != Class.watchpoint { say("watchpoint after others", kind, offset) }
        let place = get(breakpointValue(1))
        if place != code + 0x100 + broken { say("breakpoint after others", place, 0) }
        if get(watchpointControl(1)) != 0x1FF3 { say("control after others", get(watchpointControl(1)), 0) }
        set(control, 0)
        let end2 = guest_counter() + guest_counter_frequency() / 50
        while guest_counter() < end2 { guest_spin_hint() }
        if run(kernelState, 0, watched, at: 0x200) != Class.supervisorCall { say("disarmed", offset, 0) }
        if get(watchpointValue(1)) != watched { say("kept", get(watchpointValue(1)), watched) }
    }

    /// Reads DBGDIDR in an AArch32 process, if the core has AArch32.
    static func readAsProcess(says: Bool) {
        place([Code.readIdentification, Code.supervisorCall32, 0, 0])
        let kind = run(userState | 0x10)
        let value = guest_probe_result(UInt64(GUEST_PROBE_X0))
        if kind != Class.supervisorCall32 { say("DBGDIDR", kind, value) }
        guard says else { return }
        write("debug: DBGDIDR ")
        write(decimal: value)
        endLine()
    }

    // MARK: Output

    private static func say(_ what: StaticString, _ first: UInt64, _ second: UInt64) {
        write("debug: wrong ")
        write(what)
        put(first)
        put(second)
        endLine()
    }

    private static func put(_ number: UInt64) {
        write(" ")
        write(decimal: number)
    }
}
