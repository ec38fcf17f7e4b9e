/// The kernel's operations: one table for components (SVC) and machines (HVC).
///
/// A component passes the operation in `x0`; a machine passes `Operation.hypercallBase | operation`,
/// which lies in the vendor-specific hypervisor range of SMCCC 1.1 (clause 6). `x1` carries a
/// `Selector`, `x2…x7` six words. Back come `x0` a `Status`, `x1` a tag or badge, `x2…x7` words.
/// `docs/abi.md` gives the words of each operation.
public enum Operation: UInt64 {
    case call = 0
    case replyWait = 1
    case signal = 2
    case poll = 3
    case copy = 4
    case create = 5
    case derive = 6
    case revoke = 7
    case map = 8
    case doorbell = 9
    case contextControl = 10
    case contextState = 11
    case notificationBind = 12
    case timer = 13
    case scheduleControl = 14
    case interruptControl = 15
    case dmaControl = 16
    case system = 17

    /// SMCCC: fast call, 64-bit, owner 6 (vendor-specific hypervisor), function number 0.
    public static let hypercallBase: UInt64 = 0xC600_0000
}

/// What an operation answers in `x0`.
public enum Status: UInt64, Sendable {
    /// Done. For a waiting thread: a message has come; `x1` is the badge of the portal.
    case ok = 0
    /// A waiting thread was woken by its notification; `x1` holds the bits, now cleared.
    case notified = 1
    /// Partly done: `x2` says how much; repeat with the rest.
    case again = 2
    /// The operation number, or this form of it, is not provided by this kernel.
    case unsupported = 3
    /// The selector names no capability, or one of the wrong kind.
    case badCapability = 4
    /// The capability lacks a right.
    case noRights = 5
    /// A word is out of range, misaligned, or contradicts another.
    case badArgument = 6
    /// The region, the table or the space has no room; nothing was changed.
    case noMemory = 7
    /// The object is in a state that forbids the operation (for example: started twice).
    case badState = 8
    /// The portal's thread runs on another core.
    case wrongCore = 9
    /// The server died before it replied, or the portal leads to nobody. `x1` is the portal's generation.
    case dead = 10
    /// The call would nest too deep or come back to itself.
    case tooDeep = 11
    /// The slot that should receive a capability is taken.
    case occupied = 12
    /// The server refused the call.
    case refused = 13
    /// A bit of the caller's abort mask, or `ContextControl.abort`, ended its call. `x1` is the portal's generation.
    case aborted = 14
    /// `copy`: an address is not mapped with the right that it takes. `x2` bytes were copied before;
    /// `x3` is 0 for the invoker's own address, 1 for the lease's.
    case badAddress = 15
}

/// What `x0` holds beside the status when a message comes: bits 0…7 are the `Status`.
public enum ArrivalBits {
    /// Bits 8…14: how many words came, if more than those in registers (7…64), else 0.
    public static let lengthShift: UInt64 = 8
    /// Bits 16…17: how many capabilities came.
    public static let capabilitiesShift: UInt64 = 16
    public static let capabilities: UInt64 = 3 << 16
    /// Bit 18: the caller attached a lease.
    public static let lease: UInt64 = 1 << 18
}

/// What a message carries beyond six words: the form of a `call`, the slot half of a `replyWait`.
///
/// All zeros: six words in registers, which is the fast path. Everything else takes the message page of both sides.
public struct MessageShape: Equatable, Sendable {
    public var bits: UInt32
    @inline(__always) public init(bits: UInt32) { self.bits = bits }
    /// - Parameters:
    ///   - length: words in all, 0…64; up to 6 travel in registers.
    ///   - capabilities: 0…2, as the message page says.
    ///   - lease: `call` only: attach the lease that the message page describes.
    @inline(__always) public init(length: UInt32, capabilities: UInt32 = 0, lease: Bool = false) {
        bits = (length > 6 ? length : 0) | capabilities << 8 | (lease ? 1 << 10 : 0)
    }
    /// 0, or 7…64.
    @inline(__always) public var length: UInt32 { bits & 0x7F }
    @inline(__always) public var capabilities: UInt32 { bits >> 8 & 3 }
    @inline(__always) public var hasLease: Bool { bits & 1 << 10 != 0 }
    /// No bit set that means nothing, no number out of range.
    @inline(__always) public var isValid: Bool { bits & ~0x77F == 0 && length <= 64 && capabilities <= 2 }
}

/// The message page of a thread: memory that the kernel reads and writes by its physical address, so no transfer can
/// fault. Offsets in bytes.
public enum MessagePage {
    public static let size: UInt64 = 4096
    /// Words 0…63 of a long message, at 8 times their number; 0…5 travel in registers and stay untouched.
    public static let words: UInt64 = 0
    /// Two records of 16 bytes: UInt32 slot of the sender's table, UInt32 rights to keep, UInt64 badge (0: as it is).
    public static let sentCapabilities: UInt64 = 0x200
    /// Two UInt32: free slots of the receiver's table in which capabilities may land; 0: none.
    public static let receiveSlots: UInt64 = 0x220
    /// The lease of a call: UInt64 address, UInt64 size in bytes, UInt64 rights of the server (`read`, `write`).
    public static let lease: UInt64 = 0x240
}

/// `x1` of an operation: the slot in the low half, the form of the operation and its flags in the high half.
public struct Selector {
    public var bits: UInt64

    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    @inline(__always) public init(slot: UInt32, form: UInt32 = 0) {
        bits = UInt64(slot) | UInt64(form) << 32
    }
    @inline(__always) public var slot: UInt32 { UInt32(truncatingIfNeeded: bits) }
    @inline(__always) public var form: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }
}

/// What a capability names.
public enum ObjectKind: UInt8, Sendable {
    case none = 0
    case region = 1
    case capabilityTable = 2
    case addressSpace = 3
    case thread = 4
    case virtualCPU = 5
    case portal = 6
    case schedulingContext = 7
    case notification = 8
    case interrupt = 9
    /// A piece of physical memory: RAM or device registers.
    case extent = 10
    /// The right to power, cores, the kernel's log and interrupt objects; held by root.
    case system = 11
    /// A mapped part of an extent; made by `map` as the extent's child, taken away by `revoke`.
    case mapping = 12
}

/// What a capability allows. Rights only shrink as a capability is derived.
///
/// On the host it is an `OptionSet`. Embedded it has only that protocol's operations which need no array: a literal
/// would allocate.
public struct Rights: Equatable, Sendable {
    public var rawValue: UInt8
    @inline(__always) public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static var read: Rights { Rights(rawValue: 1) }
    public static var write: Rights { Rights(rawValue: 2) }
    public static var execute: Rights { Rights(rawValue: 4) }
    /// May be derived further, configured, or turned into objects.
    public static var manage: Rights { Rights(rawValue: 8) }
    public static var all: Rights { Rights(rawValue: 15) }

    @inline(__always) public func contains(_ other: Rights) -> Bool { isSuperset(of: other) }
    @inline(__always) public func isSuperset(of other: Rights) -> Bool { rawValue & other.rawValue == other.rawValue }
    @inline(__always) public func intersection(_ other: Rights) -> Rights {
        Rights(rawValue: rawValue & other.rawValue)
    }
}

#if !hasFeature(Embedded)
    extension Rights: OptionSet {}
#endif

/// Forms of `replyWait` (the high half of its selector), which may be combined.
public enum ReplyForm {
    /// Reply to the caller; `x2…x7` are its answer.
    public static let reply: UInt32 = 1
    /// Wait for the next call or notification.
    public static let wait: UInt32 = 2
    /// Leave the caller stopped; `contextControl` starts it again.
    public static let leaveStopped: UInt32 = 4
    /// Refuse: a thread's call ends with `Status.refused`, a virtual CPU takes a synchronous external abort.
    public static let refuse: UInt32 = 8
    /// Answer of a VM exit: move the program counter behind the instruction.
    public static let advance: UInt32 = 16
    /// Answer of a VM exit: put `x2` into the general register named by `registerShift`.
    public static let writeRegister: UInt32 = 32
    /// Bits 8…12 of the form: the register that `writeRegister` means (31: none, the zero register).
    public static let registerShift: UInt32 = 8
    /// Answer of a hypercall exit: put `x2…x5` into the virtual CPU's `x0…x3`.
    public static let writeArguments: UInt32 = 64
    /// All of these bits. A form with any other is `Status.unsupported`.
    public static let known: UInt32 = 0x1F7F
}

/// Forms of `contextControl`.
public enum ContextControl: UInt32 {
    /// `x2` space, `x3` table (0: none), `x4` fault or exit portal (0: none), `x5` scheduling context (0: none), `x6`
    /// core.
    case configure = 0
    /// Makes a stopped context runnable.
    case start = 1
    /// Stops a context; effective at once on its own core, soon on another: ask `status`.
    case stop = 2
    /// `x2` becomes a `ContextStatus`.
    case status = 3
    /// `x2` virtual affinity number (Aff0) of a virtual CPU within its machine: 0…15.
    case setAffinity = 4
    /// `x2` mask: bits of the thread's own notification that end its outstanding call with `aborted`. Needs `write`
    /// only.
    case setAbortMask = 5
    /// `x2` extent (`read`, `write`; 0: none), `x3` offset in it: the thread's `MessagePage`.
    case setMessagePage = 6
    /// `x2` notification (`write`; 0: none), `x3` bits: raised when the context stops, for whatever reason.
    case bindStopped = 7
    /// Ends the context's outstanding call with `aborted`.
    case abort = 8
    /// `x2` portal (`manage`): it leads to this thread from now on, and its generation is one more.
    case bindPortal = 9
    /// Makes a stopped context runnable at `x2` program counter, with `x3` stack pointer (`SP_EL0`), `x4` and `x5` in
    /// its `x0` and `x1`.
    case startAt = 10
}

/// Forms of `revoke` (`x1`: a capability).
public enum RevokeForm: UInt32 {
    /// Everything derived from it, made of it, bound or mapped by it. A region whose every child is gone is empty
    /// again.
    case descendants = 0
    /// The same, and the capability itself; an object goes with the capability that `create` gave.
    case delete = 1
}

/// Forms of `copy`, of a server whose caller attached a lease.
public enum CopyForm: UInt32 {
    /// From the lease: `x2` offset in it, `x3` own address, `x4` bytes.
    case read = 0
    /// To the lease; the same words.
    case write = 1
}

public enum ContextStatus: UInt64 {
    case stopped = 0
    case running = 1
}

/// Register numbers of `contextState`.
public enum RegisterNumber {
    /// 0…30: `x0…x30`.
    public static let stackPointer: UInt64 = 31
    public static let programCounter: UInt64 = 32
    public static let processorState: UInt64 = 33
    /// The fault that stopped the context, if nobody served it: the bits of an `ExitTag`, else 0. Read-only.
    public static let faultTag: UInt64 = 34
    /// The address that belongs to `faultTag`. Read-only.
    public static let faultAddress: UInt64 = 35
    /// `SP_EL1` of a virtual CPU.
    public static let privilegedStackPointer: UInt64 = 36
    /// The EL1 system registers of a virtual CPU, in the order of `SystemRegister`; read-only.
    public static let system: UInt64 = 64
    /// SCTLR_EL1, CPACR_EL1, TTBR0_EL1, TTBR1_EL1 and TCR_EL1.
    public static let systemControl: UInt64 = system + 0
    public static let accessControl: UInt64 = system + 1
    public static let lowTable: UInt64 = system + 5
    public static let highTable: UInt64 = system + 6
    public static let translationControl: UInt64 = system + 7
    /// FAR_EL2 of the memory access or fetch that waits for its answer.
    public static let exitFaultAddress: UInt64 = system + 40
    /// The halves of `V0…V31`, the low one first: 64 registers.
    public static let vectors: UInt64 = 192
}

/// Forms of `contextState`.
public enum ContextState: UInt32 {
    /// `x2` first register number, `x3` how many (1…4); values in `x4…x7`.
    case write = 0
    /// The same; the values come back in `x4…x7`.
    case read = 1
    /// Everything to the architecture's reset values; the context must be stopped.
    case reset = 2
}

/// Forms of `notificationBind` (`x1`: the notification).
public enum NotificationBind: UInt32 {
    /// Sink: thread in `x2`. It hears of the bits in `replyWait`.
    case thread = 0
    /// Sink: virtual CPU in `x2`, interrupt number in `x3`. Bits are not kept: a signal pends the interrupt.
    case virtualInterrupt = 1
}

/// Forms of `interruptControl` when `x1` selects an interrupt.
public enum InterruptControl: UInt32 {
    /// `x2` notification, `x3` bits to raise; enables the interrupt at the physical distributor.
    case bind = 0
    /// The driver is done: the interrupt may come again.
    case acknowledge = 1
}

/// Forms of `interruptControl` when `x1` selects a virtual CPU: `x2` is a word or interrupt number, `x3` the value.
///
/// The *mask* forms take a word number (interrupt number / 32) and a mask, like the distributor's registers.
public enum VirtualInterruptControl: UInt32 {
    case enable = 0
    case disable = 1
    case setPending = 2
    case clearPending = 3
    case setActive = 4
    case clearActive = 5
    /// Mask of edge-triggered interrupts of the word; the others are level-triggered.
    case setEdge = 6
    /// `x2` interrupt number, `x3` priority (0 is the highest).
    case setPriority = 7
    /// `x2` interrupt number, `x3` 1 or 0: the level of its input line.
    case setLevel = 8
    /// `x3` 1 or 0: whether group 1 is forwarded at all (GICD_CTLR.EnableGrp1).
    case setForwarding = 9
    /// Back: `x2` enabled, `x3` pending, `x4` active, `x5` edge of the word.
    case readWord = 10
    /// Back: `x2` the priority.
    case readPriority = 11
}

/// Forms of `timer` (`x1`: the notification).
public enum TimerForm: UInt32 {
    /// `x2` deadline in ticks of the system counter, `x3` bits to raise. An earlier deadline of this notification is
    /// replaced.
    case set = 0
    case cancel = 1
}

/// Forms of `scheduleControl` (`x1`: the scheduling context).
public enum ScheduleControl: UInt32 {
    /// `x2` core, `x3` priority (0…31, 31 most urgent), `x4` time slice in ticks, `x5` budget in ticks (0: no limit),
    /// `x6` period in ticks.
    case configure = 0
    /// `x2`: ticks used so far; `x3`: how often the budget ran out. The next time is told (`bindOverrun`).
    case timeUsed = 1
    /// Yields the rest of the caller's slice to its equals; needs no capability.
    case yield = 2
    /// `x2` notification (`write`; 0: none), `x3` bits: raised when the budget runs out, and then not again before
    /// `timeUsed` has been asked.
    case bindOverrun = 3
    /// `x2` budget in ticks (0: no limit), `x3` period in ticks, from now on: of time of the caller's core, also while
    /// it is in use.
    case setBudget = 4
}

/// Forms of `system`.
public enum SystemForm: UInt32 {
    /// Powers the board off.
    case powerOff = 0
    case reset = 1
    /// `x2` interrupt number → an interrupt capability in slot `x3`.
    case createInterrupt = 2
    /// `x2` core, `x3` `SystemCounter`: the value comes back in `x2`.
    case readCounter = 3
    /// Writes `x2…x7`'s up to 40 bytes to the kernel's console (`x2`: how many bytes, `x3…x7` the bytes).
    case writeConsole = 4
    /// `x2` an extent (`manage`): its physical address comes back in `x2`.
    case extentAddress = 5
}

/// Counters that the kernel keeps of every core.
public enum SystemCounter: UInt64 {
    case entries = 0
    case switches = 1
}

/// Counters that the kernel keeps of every virtual CPU; read with `contextState` at `RegisterNumber.counters`.
public enum ExitCounter: Int {
    case hypercall = 0
    case waitForInterrupt = 1
    case systemRegister = 2
    case softwareInterrupt = 3
    case interrupt = 4
    case memory = 5
    case floatingPoint = 6
    case monitor = 7
    public static let count = 8
}
extension RegisterNumber {
    /// The exit counters of a virtual CPU, in the order of `ExitCounter`; read-only.
    public static let counters: UInt64 = 128
}
