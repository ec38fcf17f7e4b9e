import ABI

/// What one core keeps for itself. Other cores touch `inbox` and `errand`, and read what is shared.
public struct Core: ~Copyable {
    /// The context that runs in this core's hardware when the kernel returns; nil: the core is idle.
    public var current: Ref<ExecutionContext>?
    public var id: CoreID
    /// The scheduling context that `current` runs on.
    public var scheduling: Ref<SchedulingContext>?
    /// The virtual CPU whose system registers are in hardware.
    public var loaded: Ref<ExecutionContext>?
    /// The context whose FP registers are in hardware.
    public var floatingPointOwner: Ref<ExecutionContext>?
    public var floatingPointTraps: Bool
    /// Hardware is set up for a virtual CPU (`loaded`), not for a component.
    public var isInGuest: Bool
    /// Somebody more urgent than `current` is ready.
    public var mustSchedule: Bool
    let translationWord: AtomicWord
    public var runQueue: RunQueue
    public var notificationTimers: TimerQueue<Notification>
    public var contextTimers: TimerQueue<ExecutionContext>
    /// Scheduling contexts that wait for a new budget.
    public var budgetTimers: TimerQueue<SchedulingContext>
    /// What the hardware timer is set to.
    public var deadline: Ticks
    /// When the current slice ends.
    public var sliceEnd: Ticks
    /// When the budget of who runs is used up.
    public var budgetEnd: Ticks
    /// Objects of this core that other cores have changed: see `InboxItem`.
    public let inbox: AtomicWord
    /// A node of the derivation tree that only this core may remove; 0: none.
    public let errand: AtomicWord
    /// The `unreadEpoch` of the last inbox that was worked off: this core was between two entries in that epoch, and what lay in the inbox
    /// then is done.
    public let quiet: AtomicWord
    /// Where the machine finds this core's interrupt controller registers.
    public var interruptController: PhysicalAddress
    let entriesWord: AtomicWord
    let switchesWord: AtomicWord
    /// What was taken out of `inbox` and is still to be looked at, the first item; 0: nothing.
    public var unread: UInt64
    /// `Board.epoch` just before that was taken out.
    public var unreadEpoch: UInt64
    /// Where the fast path has raised bits, and found that it was bound anew: the general path tells whoever hears of them now.
    public var untold: Ref<Notification>?
    /// Counts beginnings and ends of `copy`.
    public let copies: AtomicWord

    /// What hardware translates by. Another core looks whether it is a space's that goes away.
    @inline(__always) public var translation: Translation {
        get { Translation(bits: translationWord.relaxedLoad()) }
        nonmutating set { translationWord.relaxedStore(newValue.bits) }
    }
    @inline(__always) public var entries: UInt64 {
        get { entriesWord.relaxedLoad() }
        nonmutating set { entriesWord.relaxedStore(newValue) }
    }
    @inline(__always) public var switches: UInt64 {
        get { switchesWord.relaxedLoad() }
        nonmutating set { switchesWord.relaxedStore(newValue) }
    }
}

/// The state that all cores share: it does not change after start-up, except through atomics.
public struct Board: ~Copyable {
    public var coreCount: UInt8
    public var cores: InlineArray<8, Ref<Core>?>
    /// Bit n: VMID n is taken; VMID 0 is the kernel's.
    public let identifiers: InlineArray<4, AtomicWord>
    /// Begun by a core that wants to know that all others have left the kernel once.
    public let epoch: AtomicWord
    /// Tables that nobody has any more and that still hold capabilities. Under the lock.
    var dyingTables: Ref<CapabilityTable>?
    /// How many spaces there have been: tells one from an earlier one with its VMID. Under the lock.
    var spaceCount: UInt64
    /// A space that always exists.
    public var idleTranslation: Translation
    /// Who changes capabilities, regions, spaces or stopped contexts takes a ticket, and waits until it is served: see
    /// `Kernel.exclusively`.
    public let tickets: AtomicWord
    public let serving: AtomicWord
    /// The object of each bound interrupt.
    public let interrupts: SharedRefs<256, Interrupt>
    /// The space that has each VMID. Under the lock.
    var spaces: InlineArray<256, Ref<AddressSpace>?>
}
