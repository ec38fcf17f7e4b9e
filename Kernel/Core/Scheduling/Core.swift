import ABI

/// The state of one core. Other cores change `inbox` and `errand`, and read the atomic words; only the core itself
/// touches the rest.
public struct Core: ~Copyable {
    #if !hasFeature(Embedded)
        /// Stands before `inside` on the host, because the thread sanitizer takes a change in place of any field for a
        /// change of the first word, and other cores read `inside`.
        let changedInPlace: UInt64
    #endif
    /// The number of the kernel entry in progress; 0 while the core runs a tenant or sleeps. Revokers on other cores
    /// read it to find out whether the core still uses an object that it looked up (`GracePeriods`). The first field
    /// on the board, because the entry code in assembly writes it.
    public let inside: AtomicWord
    /// The count of entries. The second field, because the entry code writes it together with `inside`.
    let entriesWord: AtomicWord
    let currentLink: SharedRef<ExecutionContext>
    public var id: CoreID
    /// The scheduling context on which `current` runs.
    public var scheduling: Ref<SchedulingContext>?
    /// The virtual CPU whose system registers are in hardware.
    public var loaded: Ref<ExecutionContext>?
    /// The context whose FP registers are in hardware.
    public var floatingPointOwner: Ref<ExecutionContext>?
    /// The lazily switched state, as bits of `Laziness`.
    var lazy: UInt8
    /// The virtual CPU whose breakpoints and watchpoints are in hardware, provided that its
    /// `DebugRegisters.isInHardware` is set. Only compared, never followed, because that virtual CPU may have been
    /// destroyed.
    var debugOwner: Ref<ExecutionContext>?
    /// True if the hardware is set up for a virtual CPU (`loaded`) rather than for a component.
    public var isInGuest: Bool
    /// True if the core must choose again, for example because a more urgent context than `current` is ready.
    public var mustSchedule: Bool
    /// True while `drainInbox` handles requests of other cores.
    var isTakingNews: Bool
    let translationWord: AtomicWord
    public var runQueue: RunQueue
    public var parked: ParkedTime
    public var notificationTimers: TimerQueue<Notification>
    public var contextTimers: TimerQueue<ExecutionContext>
    /// Scheduling contexts that wait for a new budget.
    public var budgetTimers: TimerQueue<SchedulingContext>
    /// The deadline that is set in the hardware timer.
    public var deadline: Ticks
    /// The end of the current slice.
    public var sliceEnd: Ticks
    /// The time at which the budget of the running scheduling context is used up.
    public var budgetEnd: Ticks
    /// Objects of this core that other cores have changed; see `InboxItem`.
    public let inbox: AtomicWord
    /// A node of the derivation tree that only this core may remove; 0 if there is none.
    public let errand: AtomicWord
    /// The count of beginnings and ends of inbox lists. It is odd from before this core takes a list out of `inbox`
    /// until it has worked off the last item of the list. A core that reads `inbox` as 0, and then `lists` as even,
    /// knows that no item is left that was posted before.
    public let lists: AtomicWord
    /// The address of this core's interrupt controller registers.
    public var interruptController: PhysicalAddress
    let switchesWord: AtomicWord
    /// The first item that was taken out of `inbox` and not yet handled; 0 if there is none.
    public var unread: UInt64
    /// The interrupts that this core may still send to each core in the current millisecond; see `Kernel.alert`.
    var shares: InlineArray<8, InterruptShare>
    /// Bit n: an interrupt to core n is postponed, because this core's share there was used up.
    var postponed: UInt64
    /// The time at which the first of these shares renews, if an interrupt is postponed.
    var postponedUntil: Ticks
    /// The notification in which the fast path has raised bits before it found that the sink had changed. The general
    /// path tells the new sink.
    public var untold: Ref<Notification>?
    /// The count of beginnings and ends of `copy`.
    public let copies: AtomicWord

    /// The context that runs in this core's hardware when the kernel returns; nil if the core is idle. Other cores
    /// compare the link, and never follow it.
    @inline(__always) public var current: Ref<ExecutionContext>? {
        get { currentLink.load() }
        nonmutating set { currentLink.relaxedStore(newValue) }
    }
    /// The translation that the hardware uses. Another core compares it with that of a space that is being destroyed.
    @inline(__always) public var translation: Translation {
        get { Translation(bits: translationWord.relaxedLoad()) }
        nonmutating set { translationWord.relaxedStore(newValue.bits) }
    }
    /// True if the next use of floating point by a tenant traps.
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

/// The state that all cores share. After start-up it changes only through atomics or under the lock.
public struct Board: ~Copyable {
    public var coreCount: UInt8
    public var cores: InlineArray<8, Ref<Core>?>
    /// Bit n: the translation identifier n is taken; 0 is the kernel's.
    public let identifiers: InlineArray<4, AtomicWord>
    /// The grace periods. Requires the lock.
    var grace: GracePeriods
    /// A millisecond of the board's counter; 0 if interrupts to other cores are not limited.
    public var millisecond: Ticks
    /// Tables that no tenant has any more and that still hold capabilities. Requires the lock.
    var dyingTables: Ref<CapabilityTable>?
    /// The number of spaces created so far, which tells a space from an earlier one with its identifier. Requires the
    /// lock.
    var spaceCount: UInt64
    /// The translation of a space that always exists.
    public var idleTranslation: Translation
    /// The next ticket, and the ticket that is being served. A core that changes capabilities, regions, spaces or
    /// stopped contexts takes a ticket and waits until it is served; see `Kernel.exclusively`.
    public let tickets: AtomicWord
    public let serving: AtomicWord
    /// The object of each bound interrupt.
    public let interrupts: SharedRefs<256, Interrupt>
    /// The space that has each translation identifier. Requires the lock.
    var spaces: InlineArray<256, Ref<AddressSpace>?>
}

/// Bits of `Core.lazy`.
enum Laziness {
    static let floatingPointTraps: UInt8 = 1
    /// Set if each switch must look at the debug registers. If it is clear, hardware causes no debug
    /// exceptions.
    static let debugging: UInt8 = 2
}
