import KernelCore
import SharedAccess
import Synchronization

/// The hardware of one core: what of a tenant is in it, its timer, its interrupts.
public final class ModelCore: @unchecked Sendable {
    public unowned let board: ModelBoard
    public let kernelCore: Ref<Core>
    public let id: CoreID

    // MARK: Tenants
    var translation = Translation(bits: 0)
    var loaded: Ref<VirtualCPU>?
    var isInGuest = false
    var floatingPointTraps = true
    /// Stands for all FP registers.
    public var floatingPoint: UInt64 = 0
    /// Stands for all EL1 registers that are exchanged.
    public var systemRegister: UInt64 = 0
    /// Breakpoints and watchpoints, by `DebugComparator.index`, and MDSCR_EL1.
    public internal(set) var comparators = [UInt64](repeating: 0, count: 64)
    public internal(set) var debugControl: UInt64 = 0
    /// How often the kernel has written a breakpoint's or watchpoint's register.
    public internal(set) var comparatorWrites = 0
    /// TPIDR_EL0 of components.
    public var threadRegister: UInt64 = 0

    // MARK: Time and interrupts
    /// When this core's own timer interrupts.
    public internal(set) var deadline = Ticks.never
    var timers = GuestTimers()
    var virtualInterface: VirtualInterface
    /// Private interrupts of this core that are active at the physical interface.
    var activeInterrupts: UInt64 = 0
    /// Shared interrupts whose lines are high, that were routed here; and those of them that are active.
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

    /// Returns what puts this core's hardware back to how it is now.
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

    /// Called by other cores, and by this one for the rest of its inbox.
    func interrupt() {
        interruptions.add(1, ordering: .relaxed)
        // The kernel has a DSB before the interrupt.
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

    /// Takes one interrupt as the vectors do; false if there is none.
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

    /// A device's interrupt line, seen by the core that the interrupt is routed to.
    public func setDeviceLine(_ interrupt: UInt32, _ isHigh: Bool) {
        if isHigh { deviceLines.insert(interrupt) } else { deviceLines.remove(interrupt) }
    }

    // MARK: What a guest does

    public var interruptLine: Bool { virtualInterface.signals }
    public func acknowledge() -> UInt32 { virtualInterface.acknowledge() }
    public func end(_ interrupt: UInt32) {
        if let physical = virtualInterface.end(interrupt) { activeInterrupts &= ~(1 << UInt64(physical)) }
    }
    public func deactivate(_ interrupt: UInt32) {
        if let physical = virtualInterface.deactivate(interrupt) { activeInterrupts &= ~(1 << UInt64(physical)) }
    }
    /// ICC_PMR_EL1 of the guest that is loaded.
    public func setPriorityMask(_ mask: UInt8) { virtualInterface.priorityMask = mask }
    /// ICC_CTLR_EL1.EOImode of the guest that is loaded.
    public func setSeparatesEnd(_ isOn: Bool) { virtualInterface.separatesEnd = isOn }
    /// Programs a timer of the guest that is loaded; `.never` turns it off.
    public func setTimer(_ interrupt: UInt32, _ deadline: Ticks) { timers.set(interrupt, deadline) }
    /// Whether a private interrupt is active at the physical interface.
    public func isActive(_ interrupt: UInt32) -> Bool { activeInterrupts & 1 << UInt64(interrupt) != 0 }
    public func isTimerAsserted(_ interrupt: UInt32) -> Bool { timers.isAsserted(interrupt, board.now) }

    /// A tenant's access; nil if it faults.
    public func access(_ address: GuestAddress) -> PhysicalAddress? {
        let translation = translation
        guard let found = board.withTranslations({ $0.translate(translation, address, core: id) }) else { return nil }
        if let fault = found.fault { board.report(fault) }
        return PhysicalAddress(found.address)
    }

    // MARK: What must hold when a tenant runs

    /// Reports what of the hardware is not the tenant's that the kernel wants to run. From here on that tenant runs.
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

    /// Debug exceptions are those that the tenant has asked for, at its own breakpoints and watchpoints.
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
