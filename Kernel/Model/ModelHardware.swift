import ABI
import Foundation
import KernelCore
import SharedAccess
import Synchronization

/// The stand-in for the hardware on which the kernel runs in tests on the host.
///
/// "This core" is the one whose `run` the calling thread executes. So one thread can play several cores in turn, and
/// several threads can play one core each. The model reports forbidden actions of the kernel to the board
/// (`ModelBoard.takeFaults`).
public enum ModelHardware: BoardHardware {
    @TaskLocal static var current: ModelCore?

    static var core: ModelCore {
        guard let current else { fatalError("kernel code outside ModelCore.run") }
        return current
    }

    public static var board: Ref<Board> { core.board.kernelBoard }

    // MARK: Time and cores

    public static var now: Ticks { core.board.now }
    public static func setDeadline(_ deadline: Ticks) { core.deadline = deadline }
    public static func interrupt(_ target: CoreID) { core.board.cores[target.index].interrupt() }

    // MARK: Order between cores

    public static func relax() {
        current?.whileWaiting?()
        if !SharedAccess.relax() { sched_yield() }
    }
    // The host's own atomics order the words that the model's cores share, unless an exploration of interleavings
    // plays them.

    public static func orderStores() { _ = SharedAccess.order(.stores) }
    public static func orderLoads() {
        current?.betweenLoads?()
        _ = SharedAccess.order(.loads)
    }
    public static func orderAll() {
        if !SharedAccess.order(.all) { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    }
    /// Does nothing, because the model executes no instructions.
    public static func forgetInstructions() {}

    // MARK: Tenants in hardware

    public static func clearThreadRegister() { core.threadRegister = 0 }

    public static func leaveGuest(_ guest: Ref<VirtualCPU>) {
        if !core.isInGuest || core.loaded != guest { core.board.report(.wrongRegime) }
        core.isInGuest = false
        core.threadRegister = 0
    }

    public static func enterGuest(_ guest: Ref<VirtualCPU>) {
        if core.isInGuest || core.loaded != guest { core.board.report(.wrongRegime) }
        core.isInGuest = true
    }

    public static func load(_ guest: Ref<VirtualCPU>) {
        if core.loaded != nil { core.board.report(.loadedOverAnother) }
        core.loaded = guest
        core.systemRegister = guest.pointee.system[SystemRegisterPlace.exchanged]
        loadVirtualInterface(guest)
        core.timers.load(guest)
    }

    public static func unload(_ guest: Ref<VirtualCPU>) {
        if core.loaded != guest || core.isInGuest { core.board.report(.unloadedAbsent) }
        core.timers.unload(guest)
        unloadVirtualInterface(guest)
        guest.pointee.system[SystemRegisterPlace.exchanged] = core.systemRegister
        core.systemRegister = 0
        core.loaded = nil
    }

    public static func keepSystemRegisters(_ guest: Ref<VirtualCPU>) {
        if core.loaded != guest { core.board.report(.wrongTenant) }
        guest.pointee.system[SystemRegisterPlace.exchanged] = core.systemRegister
    }

    /// Returns the model's one system register.
    public static func stackPointer(_ guest: Ref<VirtualCPU>, isLoaded: Bool) -> UInt64 {
        if isLoaded != (core.loaded == guest) { core.board.report(.wrongTenant) }
        return isLoaded ? core.systemRegister : guest.pointee.system[SystemRegisterPlace.exchanged]
    }

    public static func setStackPointer(_ guest: Ref<VirtualCPU>, _ value: UInt64, isLoaded: Bool) {
        if isLoaded != (core.loaded == guest) { core.board.report(.wrongTenant) }
        if isLoaded {
            core.systemRegister = value
        } else {
            guest.pointee.system[SystemRegisterPlace.exchanged] = value
        }
    }

    public static func timerDeadline(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Ticks {
        GuestTimers.deadline(guest, interrupt)
    }

    // MARK: Floating point

    public static func saveFloatingPoint(_ context: Ref<ExecutionContext>) {
        context.pointee.floatingPoint.registers[0] = core.floatingPoint
    }

    public static func loadFloatingPoint(_ context: Ref<ExecutionContext>) {
        core.floatingPoint = context.pointee.floatingPoint.registers[0]
    }

    public static func setFloatingPointTrap(_ traps: Bool) { core.floatingPointTraps = traps }

    // MARK: Debugging

    /// Six breakpoints, four watchpoints, two of the breakpoints context-aware: the numbers of most cores.
    public static let debugFeatures = DebugFeatures(bits: 6 | 5 << 12 | 3 << 20 | 1 << 28)

    /// Keeps the bits that a core keeps of a value: the lowest two bits of addresses are zero.
    public static func exchangeComparator(_ comparator: DebugComparator, _ value: UInt64) -> UInt64 {
        let isAddress = comparator.bank == .breakpointValue || comparator.bank == .watchpointValue
        core.comparatorWrites += 1
        core.comparators[comparator.index] = isAddress ? value & ~3 : value
        return core.comparators[comparator.index]
    }

    public static func armDebugging(_ control: UInt64) { core.debugControl = control }

    // MARK: Registers

    public static func initialiseRegisters(_ context: Ref<ExecutionContext>) {
        // Skipped for a reset, because a virtual CPU that was reset invalidates its translations itself, as on a
        // board.
        if !context.pointee.isPlaced {
            core.board.withTranslations { $0.traces.make(virtualCPU: context.address.value) }
        }
        context.pointee.frame.processorState = context.pointee.isVirtualCPU ? 0x3C5 : 0
    }

    /// Follows the architecture's rule: a thread stays at EL0, and a virtual CPU at EL0 or EL1, in AArch64 state.
    public static func isPermitted(processorState: UInt64, ofVirtualCPU: Bool) -> Bool {
        let flags: UInt64 = 0xF000_0000
        if !ofVirtualCPU { return processorState & ~flags == 0 }
        return processorState & ~(flags | 0x3DF) == 0 && [0, 4, 5].contains(processorState & 0x1F)
    }

    /// Counts a refused exit in `SystemRegisterPlace.refused`, and applies other replies as on hardware.
    public static func finishExit(
        _ context: Ref<ExecutionContext>, form: UInt32, words: Message, isLoaded: Bool
    ) {
        if isLoaded != (core.loaded != nil && core.loaded == context.pointee.guest) { core.board.report(.wrongTenant) }
        if form & ReplyForm.refuse != 0 {
            context.pointee.guest?.pointee.system[SystemRegisterPlace.refused] &+= 1
            return
        }
        if form & ReplyForm.advance != 0 { context.pointee.frame.skipInstruction() }
        let register = Int(form >> ReplyForm.registerShift & 31)
        if form & ReplyForm.writeRegister != 0, register < 31 { context.pointee.frame.x[register] = words.w0 }
        if form & ReplyForm.writeArguments != 0 {
            context.pointee.frame.x[0] = words.w0
            context.pointee.frame.x[1] = words.w1
            context.pointee.frame.x[2] = words.w2
            context.pointee.frame.x[3] = words.w3
        }
    }

    // MARK: Physical interrupts

    public static var interruptCount: UInt32 { 256 }

    public static func enableInterrupt(_ interrupt: UInt32, on target: CoreID) {
        core.board.cores[target.index].enabledDevices.insert(interrupt)
    }

    public static func disableInterrupt(_ interrupt: UInt32) {
        for core in core.board.cores {
            core.enabledDevices.remove(interrupt)
            core.activeDevices.remove(interrupt)
        }
    }

    // MARK: Memory and board

    public static func zero(_ address: PhysicalAddress, size: UInt64) {
        if (address.value | size) % 64 != 0 {
            core.board.report(.zeroedUnevenly(address: address.value, size: size))
        }
        SharedAccess.willZero(UInt(address.value), size: UInt(size))
        PhysicalMemory.pointer(to: address).update(repeating: 0, count: Int(size / 8))
    }

    // Tenants write their message pages and leases at any time. These accesses race with theirs, as on hardware.

    public static func readWord(_ address: PhysicalAddress) -> UInt64 {
        PhysicalMemory.word(at: address).pointee.relaxedLoad()
    }

    /// Reads with acquire order, which stands for the address dependency; see `SharedRef.load`.
    public static func readPair(_ address: PhysicalAddress) -> (UInt64, UInt64) {
        (
            PhysicalMemory.word(at: address).pointee.loadAddress(),
            PhysicalMemory.word(at: address + 8).pointee.relaxedLoad()
        )
    }

    /// Writes a word as a tenant's store does.
    public static func writeWord(_ address: PhysicalAddress, _ value: UInt64) {
        PhysicalMemory.word(at: address).pointee.relaxedStore(value)
    }

    public static func copyWords(from: PhysicalAddress, to: PhysicalAddress, count: UInt64) {
        for index in 0..<count { writeWord(to + index * 8, readWord(from + index * 8)) }
    }

    public static func copyBytes(from: PhysicalAddress, to: PhysicalAddress, count: UInt64) {
        if (from.value | to.value | count) & 7 == 0 { return copyWords(from: from, to: to, count: count / 8) }
        for index in 0..<count {
            let byte = PhysicalMemory.byte(at: from + index).pointee.load(ordering: .relaxed)
            PhysicalMemory.byte(at: to + index).pointee.store(byte, ordering: .relaxed)
        }
    }

    public static func powerOff() -> Never { fatalError("powered off") }
    public static func resetBoard() -> Never { fatalError("reset") }
    public static func writeConsole(_ byte: UInt8) { core.board.write(byte) }
}

/// Indices in `VirtualCPU.system` that the model uses besides those of the timers.
public enum SystemRegisterPlace {
    /// A word that stands for all EL1 registers that are exchanged.
    public static let exchanged = 5
    /// The number of refused exits.
    public static let refused = 40
}
