/// The operations of the kernel, one table for components (SVC) and machines (HVC).
///
/// A component passes the operation in `x0`. A machine passes `Operation.hypercallBase | operation`, which lies in
/// the vendor-specific hypervisor range of SMCCC 1.1 (clause 6). `x1` carries a `Selector`, and `x2…x7` carry six
/// words. The kernel returns a `Status` in `x0`, a tag or badge in `x1`, and words in `x2…x7`. `docs/abi.md` gives
/// the words of each operation.
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

    /// The first function of a machine's calls (SMCCC): fast call, 64-bit, owner 6 (vendor-specific hypervisor),
    /// function 0.
    public static let hypercallBase: UInt64 = 0xC600_0000
}

/// The result of an operation, in `x0`.
public enum Status: UInt64, Sendable {
    /// The operation is done. A waiting thread gets it when a message has come; `x1` is then the portal's badge.
    case ok = 0
    /// The notification of a waiting thread has woken it. `x1` holds the bits, which the kernel has cleared.
    case notified = 1
    /// The operation is partly done. `x2` says how much, and the caller repeats the operation with the rest.
    case again = 2
    /// This kernel does not provide the operation number, or this form of the operation.
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
    /// The server died before it replied, or no thread is bound to the portal. `x1` is the portal's generation.
    case dead = 10
    /// The call would nest too deep, or would come back to the caller itself.
    case tooDeep = 11
    /// The slot that should receive a capability is in use.
    case occupied = 12
    /// The server refused the call.
    case refused = 13
    /// A bit of the caller's abort mask, or `ContextControl.abort`, ended the call. `x1` is the portal's generation.
    case aborted = 14
    /// `copy` found an address that is not mapped with the right it needs. `x2` is the number of bytes copied before.
    /// `x3` is 0 if the address is the invoker's own, and 1 if it is the lease's.
    case badAddress = 15
}

/// The bits of `x0` that describe a message which has come. Bits 0…7 are the `Status`.
public enum ArrivalBits {
    /// The position of bits 8…14: the number of words (7…64), or 0 if all words are in registers.
    public static let lengthShift: UInt64 = 8
    /// The position of bits 16…17: the number of capabilities that came.
    public static let capabilitiesShift: UInt64 = 16
    public static let capabilities: UInt64 = 3 << 16
    /// Bit 18, which is set if the caller attached a lease.
    public static let lease: UInt64 = 1 << 18
}

/// The extent of a message beyond six words: the form of a `call`, and the slot half of a `replyWait`.
///
/// If all bits are 0, the message is six words in registers, and the kernel takes its fast path. Any other message
/// uses the message pages of both sides.
public struct MessageShape: Equatable, Sendable {
    public var bits: UInt32
    @inline(__always) public init(bits: UInt32) { self.bits = bits }
    /// Encodes the parts of a message.
    ///
    /// - Parameters:
    ///   - length: all words of the message, 0…64. Up to 6 of them travel in registers.
    ///   - capabilities: 0…2, which the message page describes.
    ///   - lease: true to attach the lease that the message page describes; in a `call` only.
    @inline(__always) public init(length: UInt32, capabilities: UInt32 = 0, lease: Bool = false) {
        bits = (length > 6 ? length : 0) | capabilities << 8 | (lease ? 1 << 10 : 0)
    }
    /// The number of words: 7…64, or 0 if all of them travel in registers.
    @inline(__always) public var length: UInt32 { bits & 0x7F }
    @inline(__always) public var capabilities: UInt32 { bits >> 8 & 3 }
    @inline(__always) public var hasLease: Bool { bits & 1 << 10 != 0 }
    /// True if each set bit has a meaning and each number is in its range.
    @inline(__always) public var isValid: Bool { bits & ~0x77F == 0 && length <= 64 && capabilities <= 2 }
}

/// The layout of a thread's message page. The kernel reads and writes the page by its physical address, so that no
/// transfer can fault. Offsets are in bytes.
public enum MessagePage {
    public static let size: UInt64 = 4096
    /// The offset of words 0…63 of a long message. Words 0…5 travel in registers, and the kernel leaves their place
    /// untouched.
    public static let words: UInt64 = 0
    /// The offset of two 16-byte records: UInt32 slot in the sender's table, UInt32 rights to keep, UInt64 badge (0:
    /// keep it).
    public static let sentCapabilities: UInt64 = 0x200
    /// The offset of two UInt32: free slots of the receiver's table for capabilities that come, or 0 for none.
    public static let receiveSlots: UInt64 = 0x220
    /// The offset of a call's lease: UInt64 address, UInt64 size in bytes, UInt64 rights of the server (`read`,
    /// `write`).
    public static let lease: UInt64 = 0x240
}

/// The word `x1` of an operation: the slot in the low half, the operation's form and its flags in the high half.
public struct Selector {
    public var bits: UInt64

    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    @inline(__always) public init(slot: UInt32, form: UInt32 = 0) {
        bits = UInt64(slot) | UInt64(form) << 32
    }
    @inline(__always) public var slot: UInt32 { UInt32(truncatingIfNeeded: bits) }
    @inline(__always) public var form: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }
}

/// The kind of the object that a capability names.
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
    /// A mapped part of an extent. `map` makes it as the extent's child, and `revoke` removes it.
    case mapping = 12
}

/// The rights of a capability. A derived capability has no right that its parent lacks.
///
/// On the host it is an `OptionSet`. On the board it has only the operations of that protocol that need no array,
/// because an array literal would allocate memory.
public struct Rights: Equatable, Sendable {
    public var rawValue: UInt8
    @inline(__always) public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static var read: Rights { Rights(rawValue: 1) }
    public static var write: Rights { Rights(rawValue: 2) }
    public static var execute: Rights { Rights(rawValue: 4) }
    /// The right to derive the capability further, to configure the object, or to turn it into other objects.
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

/// Forms of `replyWait` (the high half of its selector). The caller may combine them.
public enum ReplyForm {
    /// Replies to the caller with `x2…x7`.
    public static let reply: UInt32 = 1
    /// Waits for the next call or notification.
    public static let wait: UInt32 = 2
    /// Leaves the caller stopped. `contextControl` starts it again.
    public static let leaveStopped: UInt32 = 4
    /// Refuses: a thread's call ends with `Status.refused`, and a virtual CPU takes a synchronous external abort.
    public static let refuse: UInt32 = 8
    /// Answers a VM exit: moves the program counter behind the instruction.
    public static let advance: UInt32 = 16
    /// Answers a VM exit: puts `x2` into the general register that `registerShift` names.
    public static let writeRegister: UInt32 = 32
    /// The position of bits 8…12 of the form: the register for `writeRegister` (31: the zero register, so none).
    public static let registerShift: UInt32 = 8
    /// Answers a hypercall exit: puts `x2…x5` into the virtual CPU's `x0…x3`.
    public static let writeArguments: UInt32 = 64
    /// All of these bits. The kernel answers a form with any other bit by `Status.unsupported`.
    public static let known: UInt32 = 0x1F7F
}

/// Forms of `contextControl`.
public enum ContextControl: UInt32 {
    /// Sets `x2` space, `x3` table (0: none), `x4` fault or exit portal (0: none), `x5` scheduling context (0: none)
    /// and `x6` core.
    case configure = 0
    /// Makes a stopped context runnable.
    case start = 1
    /// Stops a context: at once on the caller's own core, with a delay on another. The caller learns the result by
    /// `status`.
    case stop = 2
    /// Returns a `ContextStatus` in `x2`.
    case status = 3
    /// Sets the virtual affinity number (Aff0) of a virtual CPU within its machine to `x2`, 0…15.
    case setAffinity = 4
    /// Sets the abort mask to `x2`: the bits of the thread's own notification that end its outstanding call with
    /// `aborted`. The caller needs the right `write` only.
    case setAbortMask = 5
    /// Sets the thread's `MessagePage`: `x2` extent (`read`, `write`; 0: none), `x3` offset in it.
    case setMessagePage = 6
    /// Sets the notification `x2` (`write`; 0: none) and bits `x3` that the kernel raises when the context stops for
    /// any reason.
    case bindStopped = 7
    /// Ends the context's outstanding call with `aborted`.
    case abort = 8
    /// Lets portal `x2` (`manage`) lead to this thread from now on, and adds one to the portal's generation.
    case bindPortal = 9
    /// Makes a stopped context runnable with `x2` as program counter, `x3` as stack pointer (`SP_EL0`), and `x4` and
    /// `x5` as its `x0` and `x1`.
    case startAt = 10
}

/// Forms of `revoke`. `x1` selects a capability.
public enum RevokeForm: UInt32 {
    /// Removes everything that was derived from the capability, made of it, or bound or mapped by it. A region is
    /// empty again after all of its children are gone.
    case descendants = 0
    /// Removes the same, and the capability itself. An object is destroyed with the capability that `create`
    /// returned.
    case delete = 1
}

/// Forms of `copy`, for a server whose caller attached a lease.
public enum CopyForm: UInt32 {
    /// Copies from the lease: `x2` is the offset in it, `x3` the invoker's own address, `x4` the number of bytes.
    case read = 0
    /// Copies to the lease, with the same words.
    case write = 1
}

public enum ContextStatus: UInt64 {
    case stopped = 0
    case running = 1
}

/// Register numbers of `contextState`.
public enum RegisterNumber {
    /// The number of the stack pointer. Numbers 0…30 are `x0…x30`.
    public static let stackPointer: UInt64 = 31
    public static let programCounter: UInt64 = 32
    public static let processorState: UInt64 = 33
    /// The bits of the `ExitTag` of the fault that stopped the context while no thread served it; otherwise 0.
    /// Read-only.
    public static let faultTag: UInt64 = 34
    /// The address that belongs to `faultTag`. Read-only.
    public static let faultAddress: UInt64 = 35
    /// `SP_EL1` of a virtual CPU.
    public static let privilegedStackPointer: UInt64 = 36
    /// The first of a virtual CPU's EL1 system registers, in the order of `SystemRegister`. Read-only.
    public static let system: UInt64 = 64
    /// The first of SCTLR_EL1, CPACR_EL1, TTBR0_EL1, TTBR1_EL1 and TCR_EL1.
    public static let systemControl: UInt64 = system + 0
    public static let accessControl: UInt64 = system + 1
    public static let lowTable: UInt64 = system + 5
    public static let highTable: UInt64 = system + 6
    public static let translationControl: UInt64 = system + 7
    /// The value of FAR_EL2 for the memory access or fetch that waits for its answer.
    public static let exitFaultAddress: UInt64 = system + 40
    /// The first of 64 registers: the halves of `V0…V31`, the low half first.
    public static let vectors: UInt64 = 192
}

/// Forms of `contextState`.
public enum ContextState: UInt32 {
    /// Writes registers: `x2` is the first number, `x3` the count (1…4), and `x4…x7` hold the values.
    case write = 0
    /// Reads registers, by the same words. The values come back in `x4…x7`.
    case read = 1
    /// Sets all registers to the architecture's reset values. The context must be stopped.
    case reset = 2
}

/// Forms of `notificationBind`. `x1` selects the notification.
public enum NotificationBind: UInt32 {
    /// Binds the notification to the thread in `x2`, which gets the bits from `replyWait`.
    case thread = 0
    /// Binds it to the virtual CPU in `x2`, INTID in `x3`. The kernel keeps no bits: each signal makes the interrupt
    /// pending.
    case virtualInterrupt = 1
}

/// Forms of `interruptControl` when `x1` selects an interrupt.
public enum InterruptControl: UInt32 {
    /// Raises the bits `x3` in notification `x2` at each interrupt, and enables the interrupt at the physical
    /// distributor.
    case bind = 0
    /// Lets the interrupt come again, after the driver has served it.
    case acknowledge = 1
}

/// Forms of `interruptControl` when `x1` selects a virtual CPU: `x2` is a word number or an INTID, `x3` the value.
///
/// The *mask* forms take a word number (INTID / 32) and a mask, like the distributor's registers.
public enum VirtualInterruptControl: UInt32 {
    case enable = 0
    case disable = 1
    case setPending = 2
    case clearPending = 3
    case setActive = 4
    case clearActive = 5
    /// Sets the mask of the word's edge-triggered interrupts. The others are level-triggered.
    case setEdge = 6
    /// Sets the priority of INTID `x2` to `x3` (0 is the highest).
    case setPriority = 7
    /// Sets the level of the input line of INTID `x2` to `x3`, 1 or 0.
    case setLevel = 8
    /// Forwards interrupts of group 1 if `x3` is 1, and holds them back if it is 0 (GICD_CTLR.EnableGrp1).
    case setForwarding = 9
    /// Returns the word's bits: `x2` enabled, `x3` pending, `x4` active, `x5` edge-triggered.
    case readWord = 10
    /// Returns the priority in `x2`.
    case readPriority = 11
}

/// Forms of `timer`. `x1` selects the notification.
public enum TimerForm: UInt32 {
    /// Sets the deadline `x2`, in ticks of the system counter, at which the kernel raises the bits `x3`. It replaces
    /// an earlier deadline of this notification.
    case set = 0
    case cancel = 1
}

/// Forms of `scheduleControl`. `x1` selects the scheduling context.
public enum ScheduleControl: UInt32 {
    /// Sets `x2` core, `x3` priority (0…31, 31 most urgent), `x4` time slice in ticks, `x5` budget in ticks (0: no
    /// limit) and `x6` period in ticks.
    case configure = 0
    /// Returns in `x2` the ticks used so far, and in `x3` the number of overruns. The kernel reports the next one
    /// again (`bindOverrun`).
    case timeUsed = 1
    /// Yields the rest of the caller's slice to contexts of the same priority. The caller needs no capability.
    case yield = 2
    /// Sets the notification `x2` (`write`; 0: none) and the bits `x3` that the kernel raises when the budget runs
    /// out. The kernel does so only once until somebody asks for `timeUsed`.
    case bindOverrun = 3
    /// Sets `x2` budget in ticks (0: no limit) and `x3` period in ticks, from now on. The scheduling context must be
    /// of the caller's core, and may be in use.
    case setBudget = 4
}

/// Forms of `system`.
public enum SystemForm: UInt32 {
    /// Powers the board off.
    case powerOff = 0
    case reset = 1
    /// Puts a capability to the interrupt of INTID `x2` into slot `x3`.
    case createInterrupt = 2
    /// Returns in `x2` the `SystemCounter` `x3` of core `x2`.
    case readCounter = 3
    /// Writes up to 40 bytes to the kernel's console: `x2` is the number of bytes, and `x3…x7` hold them.
    case writeConsole = 4
    /// Returns in `x2` the physical address of the extent `x2` (`manage`).
    case extentAddress = 5
}

/// The counters that the kernel keeps for each core.
public enum SystemCounter: UInt64 {
    case entries = 0
    case switches = 1
}

/// The counters that the kernel keeps for each virtual CPU. `contextState` reads them at `RegisterNumber.counters`.
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

    /// The name in reports.
    public var name: StaticString {
        switch self {
        case .hypercall: "hypercall"
        case .waitForInterrupt: "wait-for-interrupt"
        case .systemRegister: "system-register"
        case .softwareInterrupt: "software-interrupt"
        case .interrupt: "interrupt"
        case .memory: "memory"
        case .floatingPoint: "floating-point"
        case .monitor: "monitor"
        }
    }
}
extension RegisterNumber {
    /// The first of a virtual CPU's exit counters, in the order of `ExitCounter`. Read-only.
    public static let counters: UInt64 = 128
}
