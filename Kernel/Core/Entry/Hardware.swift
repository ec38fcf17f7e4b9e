import ABI

/// The hardware as the portable core sees it. The kernel proper has one per architecture; tests have a model.
///
/// All requirements are static: there is one machine, and a call through the protocol costs nothing once specialised.
/// What a member says of "this core" means the one that executes it.
public protocol Hardware: SendableMetatype {
    // MARK: Time
    static var now: Ticks { get }
    /// The core's next timer interrupt; `.never` turns it off. A deadline that has passed interrupts at once.
    static func setDeadline(_ deadline: Ticks)

    // MARK: Cores
    /// Between two looks at a word that another core is about to change.
    static func relax()
    /// What this core wrote before is seen before what it writes after.
    static func orderStores()
    /// What this core wrote before is seen before it reads what it reads after.
    static func orderAll()
    /// What this core reads after is not older than what it read before.
    static func orderLoads()
    /// No core executes instructions that it fetched before memory was last changed.
    static func forgetInstructions()
    /// Makes another core enter its kernel and look at its inbox.
    static func interrupt(_ core: CoreID)

    // MARK: Tenants in hardware
    /// Hardware translates by this table from now on.
    static func setTranslation(_ translation: Translation)
    /// From a virtual CPU's regime to a component's: saves what components could see or damage, and neutralises it.
    static func leaveGuest(_ guest: Ref<VirtualCPU>)
    /// From one component to another: what the first may have left where the second could read it.
    static func clearThreadRegister()
    /// The reverse of `leaveGuest`.
    static func enterGuest(_ guest: Ref<VirtualCPU>)
    /// Puts a virtual CPU's system registers, timers and virtual interface into hardware.
    static func load(_ guest: Ref<VirtualCPU>)
    /// Takes them out; timers and virtual interface are quiet afterwards.
    static func unload(_ guest: Ref<VirtualCPU>)
    /// Copies the loaded virtual CPU's system registers, which stay in hardware, to where `unload` puts them.
    static func keepSystemRegisters(_ guest: Ref<VirtualCPU>)
    /// A virtual CPU's SP_EL1. `isLoaded`: it is in this core's hardware.
    static func stackPointer(_ guest: Ref<VirtualCPU>, isLoaded: Bool) -> UInt64
    static func setStackPointer(_ guest: Ref<VirtualCPU>, _ value: UInt64, isLoaded: Bool)
    static func saveFloatingPoint(_ context: Ref<ExecutionContext>)
    static func loadFloatingPoint(_ context: Ref<ExecutionContext>)
    /// Whether the next use of floating point by a tenant traps.
    static func setFloatingPointTrap(_ traps: Bool)
    /// How many breakpoints and watchpoints this core has.
    static var debugFeatures: DebugFeatures { get }
    /// Writes a register of a breakpoint or watchpoint; returns what hardware keeps of the value.
    static func exchangeComparator(_ comparator: DebugComparator, _ value: UInt64) -> UInt64
    /// Sets the debug exceptions that tenants cause from now on: MDSCR_EL1; 0: none.
    static func armDebugging(_ control: UInt64)
    /// The deadline, as saved, of the virtual CPU's timer with this interrupt number; `.never` if it cannot interrupt.
    static func timerDeadline(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Ticks
    /// A context's registers as the architecture resets them; they are zero.
    static func initialiseRegisters(_ context: Ref<ExecutionContext>)
    /// Whether a tenant may have this processor state: its own exception levels, no other.
    static func isPermitted(processorState: UInt64, ofVirtualCPU: Bool) -> Bool
    /// Applies a monitor's reply to an exit: `form` is of `ReplyForm`.
    ///
    /// `isLoaded`: its EL1 registers are in this core's hardware.
    static func finishExit(_ context: Ref<ExecutionContext>, form: UInt32, words: Words, isLoaded: Bool)

    // MARK: Virtual interrupts
    static var listRegisterCount: Int { get }
    static func listRegister(_ index: Int) -> ListRegister
    static func setListRegister(_ index: Int, _ value: ListRegister)
    /// Asks for a maintenance interrupt while no list register holds a pending interrupt, and when an interrupt without
    /// one is ended (`lostEnd`).
    static func setMaintenance(nonePending: Bool, lostEnd: Bool)
    /// How many interrupts were ended that had no list register; resets the count.
    static func takeLostEnds() -> Int
    /// Whether the loaded virtual CPU's timer with this interrupt number is asserted.
    static func isTimerAsserted(_ interrupt: UInt32) -> Bool
    static func deactivate(_ interrupt: UInt32)
    static func setActive(_ interrupt: UInt32)

    // MARK: Physical interrupts
    /// Enables, at the distributor, an interrupt that devices share (32 and up), and routes it to `core`.
    static func enableInterrupt(_ interrupt: UInt32, on core: CoreID)
    /// The reverse; one that is active is no longer.
    static func disableInterrupt(_ interrupt: UInt32)
    static var interruptCount: UInt32 { get }

    // MARK: Memory and page tables
    /// Both multiples of 64.
    static func zero(_ address: PhysicalAddress, size: UInt64)
    static func readWord(_ address: PhysicalAddress) -> UInt64
    /// Reads two neighbouring words, which other cores may change meanwhile, each once and whole, in no order.
    static func readPair(_ address: PhysicalAddress) -> (UInt64, UInt64)
    /// 8 bytes each.
    static func copyWords(from: PhysicalAddress, to: PhysicalAddress, count: UInt64)
    static func copyBytes(from: PhysicalAddress, to: PhysicalAddress, count: UInt64)
    static func readEntry(_ table: PhysicalAddress, _ index: UInt64) -> PageTableEntry
    /// Writes an entry so that the table walker sees it.
    static func writeEntry(_ table: PhysicalAddress, _ index: UInt64, _ entry: PageTableEntry)
    static func tableEntry(_ table: PhysicalAddress) -> PageTableEntry
    static func leafEntry(_ frame: PhysicalAddress, level: Int, rights: Rights, device: Bool) -> PageTableEntry
    /// The table that an entry points to; nil for leaves and invalid ones.
    static func table(of entry: PageTableEntry) -> PhysicalAddress?
    /// Whether a leaf maps RAM, with this right.
    static func isMemory(_ entry: PageTableEntry, _ right: Rights) -> Bool
    /// What a leaf maps.
    static func frame(of entry: PageTableEntry) -> PhysicalAddress
    static func makeTranslation(root: PhysicalAddress, identifier: UInt16) -> Translation
    /// No core uses the entry for `address` of the space, nor anything derived from it, when this returns.
    static func invalidate(_ translation: Translation, _ address: GuestAddress)
    /// No core uses anything of the space, whose VMID another one may get.
    static func invalidateAll(_ translation: Translation)
    /// This core forgets all that it cached of the space, which is the current one afterwards.
    static func invalidateLocally(_ translation: Translation)

    // MARK: The board
    static func powerOff() -> Never
    static func resetBoard() -> Never
    static func writeConsole(_ byte: UInt8)
}

/// What the translation base register holds: root table and VMID.
public struct Translation: Equatable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }
}

public struct PageTableEntry: Equatable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    @inline(__always) public var isEmpty: Bool { bits == 0 }
}
