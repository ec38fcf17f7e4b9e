import ABI

/// What one core keeps for itself. Other cores touch `inbox` and `errand`, and read what is shared.
public struct Core: ~Copyable {
    #if !hasFeature(Embedded)
        /// Stands before `inside` on the host, because the thread sanitizer takes a change in place of any field for a
        /// change of the first word, and other cores read `inside`.
        let changedInPlace: UInt64
    #endif
    /// The number of the entry that this core is in; 0 while it runs a tenant or sleeps. Revokers on other cores read
    /// it to find out whether the core still uses what it looked up (`GracePeriods`). First on the board, because the
    /// entry code in assembly writes it.
    public let inside: AtomicWord
    /// Counts entries. Second, because the entry code writes it together with `inside`.
    let entriesWord: AtomicWord
    let currentLink: SharedRef<ExecutionContext>
    public var id: CoreID
    /// The scheduling context that `current` runs on.
    public var scheduling: Ref<SchedulingContext>?
    /// The virtual CPU whose system registers are in hardware.
    public var loaded: Ref<ExecutionContext>?
    /// The context whose FP registers are in hardware.
    public var floatingPointOwner: Ref<ExecutionContext>?
    /// The lazily switched state, as bits of `Laziness`.
    var lazy: UInt8
    /// The virtual CPU whose breakpoints and watchpoints are in hardware, if that says so, too
    /// (`DebugRegisters.isInHardware`). Only compared, because it may be gone.
    var debugOwner: Ref<ExecutionContext>?
    /// Hardware is set up for a virtual CPU (`loaded`), not for a component.
    public var isInGuest: Bool
    /// Somebody more urgent than `current` is ready.
    public var mustSchedule: Bool
    /// True while `drainInbox` does what other cores have asked for.
    var isTakingNews: Bool
    let translationWord: AtomicWord
    public var runQueue: RunQueue
    public var parked: ParkedTime
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
    /// Counts the beginnings and ends of inbox lists: odd from before this core takes a list out of `inbox` until it
    /// has worked off the last item of it. A core that reads `inbox` as 0, and then this as even, knows that nothing is
    /// left that was posted before.
    public let lists: AtomicWord
    /// Where the machine finds this core's interrupt controller registers.
    public var interruptController: PhysicalAddress
    let switchesWord: AtomicWord
    /// What was taken out of `inbox` and is still to be looked at, the first item; 0: nothing.
    public var unread: UInt64
    /// The interrupts that this core may still send each core in the current millisecond: see `Kernel.alert`.
    var shares: InlineArray<8, InterruptShare>
    /// Bit n: core n has not been interrupted yet, because this core's share there was used up.
    var postponed: UInt64
    /// When the first of these shares renews, if there is one.
    var postponedUntil: Ticks
    /// The notification in which the fast path has raised bits, and found that its sink had changed. The general path
    /// tells the new sink.
    public var untold: Ref<Notification>?
    /// Counts beginnings and ends of `copy`.
    public let copies: AtomicWord

    /// The context that runs in this core's hardware when the kernel returns; nil: the core is idle. Other cores
    /// compare it, and follow it nowhere.
    @inline(__always) public var current: Ref<ExecutionContext>? {
        get { currentLink.load() }
        nonmutating set { currentLink.relaxedStore(newValue) }
    }
    /// What hardware translates by. Another core looks whether it is a space's that goes away.
    @inline(__always) public var translation: Translation {
        get { Translation(bits: translationWord.relaxedLoad()) }
        nonmutating set { translationWord.relaxedStore(newValue.bits) }
    }
    /// Whether the next use of floating point by a tenant traps.
    @inline(__always) public var floatingPointTraps: Bool {
        get { lazy & Laziness.floatingPointTraps != 0 }
        set { lazy = lazy & ~Laziness.floatingPointTraps | (newValue ? Laziness.floatingPointTraps : 0) }
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
    /// Under the lock.
    var grace: GracePeriods
    /// A millisecond of the machine's counter; 0: interrupts to other cores are not limited.
    public var millisecond: Ticks
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
