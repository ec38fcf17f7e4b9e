import ABI

/// The interface through which the portable core uses the hardware. Kernel/AArch64 implements it for the boards, and
/// Kernel/Model implements it for tests on the host.
///
/// All requirements are static, because there is one board and a call through the protocol costs nothing once it is
/// specialised. "This core" means the core that executes the member. `Kernel` (Kernel.swift) is generic over
/// `BoardHardware`, which adds the board's shared state.
public protocol Hardware: SendableMetatype {
    // MARK: Time
    static var now: Ticks { get }
    /// The time of this core's next timer interrupt; `.never` turns the timer off. A deadline that has passed
    /// interrupts at once.
    static func setDeadline(_ deadline: Ticks)

    // MARK: Cores
    /// Pauses between two loads of a word that another core is about to change.
    static func relax()
    /// Makes every core see this core's earlier stores before its later stores.
    static func orderStores()
    /// Makes every core see this core's earlier stores before this core performs its later loads.
    static func orderAll()
    /// Keeps this core's later loads from returning older values than its earlier loads.
    static func orderLoads()
    /// Makes every core discard the instructions that it fetched before memory was last changed.
    static func forgetInstructions()
    /// Makes another core enter its kernel and look at its inbox.
    static func interrupt(_ core: CoreID)

    // MARK: Tenants in hardware
    /// Makes this core's hardware translate addresses by `translation` from now on.
    static func setTranslation(_ translation: Translation)
    /// Switches from a virtual CPU's regime to a component's: saves the registers that components could read or
    /// damage, and neutralises them.
    static func leaveGuest(_ guest: Ref<VirtualCPU>)
    /// Clears the thread register between two components, because the first may have left data there that the second
    /// could read.
    static func clearThreadRegister()
    /// Reverses `leaveGuest`.
    static func enterGuest(_ guest: Ref<VirtualCPU>)
    /// Loads a virtual CPU's system registers, timers and virtual interface into this core's hardware.
    static func load(_ guest: Ref<VirtualCPU>)
    /// Saves a virtual CPU's system registers, timers and virtual interface from hardware. Its timers and virtual
    /// interface are quiet afterwards.
    static func unload(_ guest: Ref<VirtualCPU>)
    /// Copies the loaded virtual CPU's system registers to the memory in which `unload` saves them. They stay in
    /// hardware.
    static func keepSystemRegisters(_ guest: Ref<VirtualCPU>)
    /// Returns the stack pointer of a virtual CPU's kernel. `isLoaded` says that this core's hardware holds the
    /// virtual CPU's registers.
    static func stackPointer(_ guest: Ref<VirtualCPU>, isLoaded: Bool) -> UInt64
    static func setStackPointer(_ guest: Ref<VirtualCPU>, _ value: UInt64, isLoaded: Bool)
    static func saveFloatingPoint(_ context: Ref<ExecutionContext>)
    static func loadFloatingPoint(_ context: Ref<ExecutionContext>)
    /// Sets whether the next use of floating point by a tenant traps.
    static func setFloatingPointTrap(_ traps: Bool)
    /// The numbers of breakpoints and watchpoints that this core has.
    static var debugFeatures: DebugFeatures { get }
    /// Writes a register of a breakpoint or watchpoint, and returns the value that the hardware keeps.
    static func exchangeComparator(_ comparator: DebugComparator, _ value: UInt64) -> UInt64
    /// Enables the debug exceptions that tenants cause from now on, by bits of `DebugControl`. 0 enables none.
    static func armDebugging(_ control: UInt64)
    /// Returns the saved deadline of the virtual CPU's timer with this interrupt number; `.never` if that timer
    /// cannot interrupt.
    static func timerDeadline(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Ticks
    /// Sets a context's registers, which are zero, to their architectural reset values.
    static func initialiseRegisters(_ context: Ref<ExecutionContext>)
    /// Returns whether a tenant may have this processor state, which must name only the tenant's own exception
    /// levels.
    static func isPermitted(processorState: UInt64, ofVirtualCPU: Bool) -> Bool
    /// Applies a monitor's reply to an exit.
    ///
    /// - Parameters:
    ///   - form: bits of `ReplyForm`.
    ///   - isLoaded: true if this core's hardware holds the context's system registers.
    static func finishExit(_ context: Ref<ExecutionContext>, form: UInt32, words: Words, isLoaded: Bool)

    // MARK: Virtual interrupts
    static var listRegisterCount: Int { get }
    static func listRegister(_ index: Int) -> ListRegister
    static func setListRegister(_ index: Int, _ value: ListRegister)
    /// Asks for a maintenance interrupt while no list register holds a pending interrupt (`nonePending`), and when
    /// the guest ends an interrupt that has no list register (`lostEnd`).
    static func setMaintenance(nonePending: Bool, lostEnd: Bool)
    /// Returns how many interrupts without a list register the guest has ended, and resets the count.
    static func takeLostEnds() -> Int
    /// Returns whether the loaded virtual CPU's timer with this interrupt number is asserted.
    static func isTimerAsserted(_ interrupt: UInt32) -> Bool
    static func deactivate(_ interrupt: UInt32)
    static func setActive(_ interrupt: UInt32)

    // MARK: Physical interrupts
    /// Enables a shared peripheral interrupt (32 and up) at the distributor, and routes it to `core`.
    static func enableInterrupt(_ interrupt: UInt32, on core: CoreID)
    /// Disables a shared peripheral interrupt. An interrupt that is active becomes inactive.
    static func disableInterrupt(_ interrupt: UInt32)
    static var interruptCount: UInt32 { get }

    // MARK: Memory and page tables
    /// Zeroes memory. `address` and `size` are multiples of 64.
    static func zero(_ address: PhysicalAddress, size: UInt64)
    static func readWord(_ address: PhysicalAddress) -> UInt64
    /// Reads two neighbouring words that other cores may change meanwhile. Each word is read once and whole, in no
    /// particular order.
    static func readPair(_ address: PhysicalAddress) -> (UInt64, UInt64)
    /// Copies `count` words of 8 bytes.
    static func copyWords(from: PhysicalAddress, to: PhysicalAddress, count: UInt64)
    static func copyBytes(from: PhysicalAddress, to: PhysicalAddress, count: UInt64)
    static func readEntry(_ table: PhysicalAddress, _ index: UInt64) -> PageTableEntry
    /// Writes an entry, and makes it visible to the table walker.
    static func writeEntry(_ table: PhysicalAddress, _ index: UInt64, _ entry: PageTableEntry)
    static func tableEntry(_ table: PhysicalAddress) -> PageTableEntry
    static func leafEntry(_ frame: PhysicalAddress, level: Int, rights: Rights, device: Bool) -> PageTableEntry
    /// Returns the table to which an entry points; nil for a leaf or an invalid entry.
    static func table(of entry: PageTableEntry) -> PhysicalAddress?
    /// Returns whether a leaf maps RAM with this right.
    static func isMemory(_ entry: PageTableEntry, _ right: Rights) -> Bool
    /// Returns the frame that a leaf maps.
    static func frame(of entry: PageTableEntry) -> PhysicalAddress
    static func makeTranslation(root: PhysicalAddress, identifier: UInt16) -> Translation
    /// Invalidates the entry for `address` in all cores. When this returns, no core uses the entry or anything
    /// derived from it.
    static func invalidate(_ translation: Translation, _ address: GuestAddress)
    /// Invalidates all entries of a space in all cores, so that another space may get its
    /// translation identifier.
    static func invalidateAll(_ translation: Translation)
    /// Discards all entries of the space that this core has cached, and makes the space the current one.
    static func invalidateLocally(_ translation: Translation)

    // MARK: The board
    static func powerOff() -> Never
    static func resetBoard() -> Never
    static func writeConsole(_ byte: UInt8)
}

/// The value of the translation base register: root table and translation identifier.
public struct Translation: Equatable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }
}

public struct PageTableEntry: Equatable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    @inline(__always) public var isEmpty: Bool { bits == 0 }
}
