import KernelCore
import SharedAccess
import Synchronization

/// The hardware of one core in the model: the tenant's state in it, its timer and its interrupts.
///
/// A test calls `enter` or `run` to execute kernel code as this core, `takeInterrupt` to deliver an interrupt, and
/// `check` to compare the hardware with the tenant that the kernel wants to run.
public final class ModelCore: @unchecked Sendable {
    public unowned let board: ModelBoard
    public let kernelCore: Ref<Core>
    public let id: CoreID

    // MARK: Tenants
    var translation = Translation(bits: 0)
    var loaded: Ref<VirtualCPU>?
    var isInGuest = false
    var floatingPointTraps = true
    /// The FP registers; one word stands for all of them.
    public var floatingPoint: UInt64 = 0
    /// The EL1 registers that are exchanged; one word stands for all of them.
    public var systemRegister: UInt64 = 0
    /// The breakpoints and watchpoints, by `DebugComparator.index`, and MDSCR_EL1.
    public internal(set) var comparators = [UInt64](repeating: 0, count: 64)
    public internal(set) var debugControl: UInt64 = 0
    /// The number of writes of the kernel to registers of breakpoints and watchpoints.
    public internal(set) var comparatorWrites = 0
    /// TPIDR_EL0 of components.
    public var threadRegister: UInt64 = 0

    // MARK: Time and interrupts
    /// The time at which this core's own timer interrupts.
    public internal(set) var deadline = Ticks.never
    var timers = GuestTimers()
    var virtualInterface: VirtualInterface
    /// The private interrupts of this core that are active at the physical interface.
    var activeInterrupts: UInt64 = 0
    /// The shared interrupts whose lines are high and that are routed here, and those of them that are active.
    var deviceLines: Set<UInt32> = []
    var activeDevices: Set<UInt32> = []
    var enabledDevices: Set<UInt32> = []
    private let isInterrupted = SharedBool(false)
    private let interruptions = Atomic<Int>(0)

    /// Actions of other cores at a certain point of the kernel, for tests.
    public var beforeTimerIsRead: (() -> Void)?
    public var betweenLoads: (() -> Void)?
    public var whileWaiting: (() -> Void)?

    init(board: ModelBoard, kernelCore: Ref<Core>, id: CoreID, listRegisters: Int) {
        virtualInterface = VirtualInterface(listRegisters: listRegisters)
        self.board = board
        self.kernelCore = kernelCore
        self.id = id
    }

    /// Runs kernel code as this core.
    public func run<Result>(_ body: () -> Result) -> Result {
        ModelHardware.$current.withValue(self) { body() }
    }

    /// Runs one kernel entry as this core, from the vectors to the return.
    public func enter<Result>(_ body: (Ref<Core>) -> Result) -> Result {
        board.withTranslations { $0.traces.enterKernel(core: id) }
        return run {
            Kernel<ModelHardware>.enter(kernelCore)
            defer { Kernel<ModelHardware>.leave(kernelCore) }
            return body(kernelCore)
        }
    }

    /// Returns a function that restores this core's hardware to its present state.
    func snapshot() -> () -> Void {
        let translation = translation, loaded = loaded, isInGuest = isInGuest, traps = floatingPointTraps
        let registers = (floatingPoint, systemRegister, threadRegister)
        let deadline = deadline, timers = timers, interface = virtualInterface
        let active = (activeInterrupts, activeDevices), devices = (deviceLines, enabledDevices)
        let isPending = isInterrupted.load(ordering: .relaxed), debugging = (comparators, debugControl)
        return { [self] in
            self.translation = translation
            self.loaded = loaded
            self.isInGuest = isInGuest
            floatingPointTraps = traps
            (floatingPoint, systemRegister, threadRegister) = registers
            (comparators, debugControl) = debugging
            self.deadline = deadline
            self.timers = timers
            virtualInterface = interface
            (activeInterrupts, activeDevices) = active
            (deviceLines, enabledDevices) = devices
            isInterrupted.store(isPending, ordering: .relaxed)
            interruptions.store(0, ordering: .relaxed)
        }
    }

    // MARK: Physical interrupts

    private enum Number {
        static let inbox: UInt32 = 1
        static let maintenance: UInt32 = 25
        static let hypervisorTimer: UInt32 = 26
        static let virtualTimer: UInt32 = 27
        static let physicalTimer: UInt32 = 30
    }

    /// Interrupts this core. Other cores call it, and this core itself for the rest of its inbox.
    func interrupt() {
        interruptions.add(1, ordering: .relaxed)
        // Stands for the DSB that the kernel executes before the interrupt.
        ModelHardware.orderAll()
        isInterrupted.store(true, ordering: .releasing)
    }

    /// The number of calls of `interrupt`.
    public var interruptCount: Int { interruptions.load(ordering: .relaxed) }

    /// The physical interrupt that this core would take now.
    public var pendingInterrupt: UInt32? {
        if isInterrupted.load(ordering: .acquiring) { return Number.inbox }
        if virtualInterface.wantsMaintenance { return Number.maintenance }
        if deadline <= board.now { return Number.hypervisorTimer }
        for number in [Number.virtualTimer, Number.physicalTimer]
        where timers.isAsserted(number, board.now) && activeInterrupts & 1 << UInt64(number) == 0 { return number }
        return enabledDevices.filter { deviceLines.contains($0) && !activeDevices.contains($0) }.min()
    }

    /// Takes one interrupt as the vectors do. Returns false if there is none.
    public func takeInterrupt() -> Bool {
        guard let number = pendingInterrupt else { return false }
        switch number {
        case Number.inbox:
            _ = isInterrupted.exchange(false, ordering: .acquiringAndReleasing)
            Kernel<ModelHardware>.drainInbox(kernelCore)
        case Number.maintenance: Kernel<ModelHardware>.maintain(kernelCore)
        case Number.hypervisorTimer: Kernel<ModelHardware>.timerExpired(kernelCore)
        case Number.virtualTimer, Number.physicalTimer:
            if let context = kernelCore.pointee.loaded {
                activeInterrupts |= 1 << UInt64(number)
                Kernel<ModelHardware>.timerIsDue(kernelCore, context, number)
            } else {
                board.report(.interruptStuck(number))
            }
        default:
            activeDevices.insert(number)
            Kernel<ModelHardware>.boundInterrupt(kernelCore, number)
        }
        return true
    }

    /// Sets a device's interrupt line, on the core to which the interrupt is routed.
    public func setDeviceLine(_ interrupt: UInt32, _ isHigh: Bool) {
        if isHigh { deviceLines.insert(interrupt) } else { deviceLines.remove(interrupt) }
    }

    // MARK: Actions of a guest

    public var interruptLine: Bool { virtualInterface.signals }
    public func acknowledge() -> UInt32 { virtualInterface.acknowledge() }
    public func end(_ interrupt: UInt32) {
        if let physical = virtualInterface.end(interrupt) { activeInterrupts &= ~(1 << UInt64(physical)) }
    }
    public func deactivate(_ interrupt: UInt32) {
        if let physical = virtualInterface.deactivate(interrupt) { activeInterrupts &= ~(1 << UInt64(physical)) }
    }
    /// Sets ICC_PMR_EL1 of the loaded guest.
    public func setPriorityMask(_ mask: UInt8) { virtualInterface.priorityMask = mask }
    /// Sets ICC_CTLR_EL1.EOImode of the loaded guest.
    public func setSeparatesEnd(_ isOn: Bool) { virtualInterface.separatesEnd = isOn }
    /// Programs a timer of the loaded guest; `.never` turns it off.
    public func setTimer(_ interrupt: UInt32, _ deadline: Ticks) { timers.set(interrupt, deadline) }
    /// Returns whether a private interrupt is active at the physical interface.
    public func isActive(_ interrupt: UInt32) -> Bool { activeInterrupts & 1 << UInt64(interrupt) != 0 }
    public func isTimerAsserted(_ interrupt: UInt32) -> Bool { timers.isAsserted(interrupt, board.now) }

    /// Performs a tenant's access. Returns nil if it faults.
    public func access(_ address: GuestAddress) -> PhysicalAddress? {
        let translation = translation
        guard let found = board.withTranslations({ $0.translate(translation, address, core: id) }) else { return nil }
        if let fault = found.fault { board.report(fault) }
        return PhysicalAddress(found.address)
    }

    // MARK: Checks before a tenant runs

    /// Reports hardware state that does not belong to the tenant that the kernel wants to run. That tenant runs from
    /// here on.
    public func check() {
        guard let context = kernelCore.pointee.current else { return }
        if let guest = context.pointee.guest {
            if !isInGuest || loaded != guest { board.report(.wrongTenant) }
        } else if isInGuest {
            board.report(.wrongTenant)
        }
        if context.pointee.space?.pointee.translation != translation { board.report(.wrongTranslation) }
        let translation = translation, virtualCPU = context.pointee.guest == nil ? nil : context.address.value
        for fault in board.withTranslations({ $0.traces.run(translation, virtualCPU: virtualCPU, core: id) }) {
            board.report(fault)
        }
        if !floatingPointTraps, kernelCore.pointee.floatingPointOwner != context { board.report(.exposedFloatingPoint) }
        checkDebugging(context.pointee.guest)
    }

    /// Checks that debug exceptions are only those for which the tenant has asked, at its own breakpoints and
    /// watchpoints.
    private func checkDebugging(_ guest: Ref<VirtualCPU>?) {
        let armed = guest?.pointee.debug.armed ?? 0
        if debugControl != armed { board.report(.wrongDebugging) }
        guard let guest, armed != 0 else { return }
        for index in 0..<64 {
            guard let bank = DebugComparator.Bank(rawValue: UInt8(index / 16)) else { continue }
            let comparator = DebugComparator(bank, index % 16)
            if guest.pointee.debug[comparator] != comparators[index] { board.report(.wrongDebugging) }
        }
    }
}
