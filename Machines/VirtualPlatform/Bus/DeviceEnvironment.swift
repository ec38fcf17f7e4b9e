import ABI

/// The kernel's state of each virtual CPU's interrupts, on which the interrupt controller's registers act.
///
/// Only the kernel knows which interrupts are *pending* and *active*. It learns all other state that it keeps through
/// this protocol.
public protocol InterruptPort {
    /// Applies one form. `VirtualInterruptControl` documents `index` and `value`. The form has no answer.
    mutating func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64)

    /// Returns the kernel's present state of the 32 interrupts of a word.
    mutating func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState
}

/// The two states of 32 interrupts that change without the monitor.
public struct InterruptWordState {
    /// Pending for any reason: latched, or level-sensitive with a high line.
    public var pending: UInt32
    public var active: UInt32

    @inline(__always) public init(pending: UInt32, active: UInt32) {
        self.pending = pending
        self.active = active
    }
}

/// The board's time, which a machine's clock and watchdog follow.
public protocol TimeSource {
    /// Seconds since 1970, as the board's own clock counts them.
    mutating func seconds() -> UInt32
    /// The system counter, which the machine reads as well.
    mutating func ticks() -> UInt64
    /// The ticks of a second.
    mutating func ticksPerSecond() -> UInt64
    /// Requests a call of `MachineUnits.watch` soon.
    mutating func askForWatch()
}

/// The two directions of a serial port's wire.
public protocol SerialLine {
    /// Sends a byte. Returns false if there is no room now.
    mutating func transmit(_ byte: UInt8) -> Bool
    /// Takes the next character that has arrived, if there is one: a byte, or a break (`ConsoleQueue.breakCharacter`).
    mutating func receive() -> UInt16?
    /// Requests that the reader of the wire be told of sent bytes, once the access is done.
    mutating func tellReader()
    /// Requests a call of `MachineUnits.endMoment` a moment later.
    /// - Returns: false if no call will follow.
    mutating func askForMoment() -> Bool
}

/// A failure of a machine that one of its devices has noticed.
public enum MachineFailure: Equatable, Sendable {
    /// The guest reports that it has panicked.
    case panicked
    /// The guest reports that it has panicked and handles the panic itself.
    case crashLoaded
    /// The guest did not answer its watchdog.
    case hangs
}

/// The interface through which a device reports a failure of the machine.
public protocol FailureListener {
    /// Records a failure. The reaction may follow later.
    mutating func report(_ failure: MachineFailure)
}

/// The contents of a machine's flash, which outlive the device. An offset is a multiple of 4 below
/// `MachineFlash.storeSize`.
public protocol FlashStore {
    /// Loads 4 bytes.
    mutating func flashWord(at offset: UInt64) -> UInt32
    /// Stores 4 bytes, in memory and not only in a cache.
    mutating func setFlashWord(at offset: UInt64, _ value: UInt32)
    /// Sets bits of all words of a sector, in memory and not only in a cache.
    /// - Parameters:
    ///   - offset: the start of the sector.
    ///   - lanes: the bits of each word.
    mutating func eraseFlash(at offset: UInt64, lanes: UInt32)
    /// Lets the machine read the contents without an exit.
    /// - Returns: false if that is not possible.
    mutating func showFlash() -> Bool
    /// Makes each load from the contents an exit again, before it returns.
    mutating func hideFlash()
}

/// The pages that the monitor shares with the backend of the machine's disks (`VirtioPages`).
public protocol VirtioPort {
    /// False if the machine has no virtio devices. Then no other member is used.
    var hasVirtioPages: Bool { get }
    /// Loads a word of the control page or the backend page with sequential consistency. The offset is from the start
    /// of the register page.
    func loadVirtioWord(_ offset: Int) -> UInt64
    /// Stores a word of the control page with sequential consistency.
    func storeVirtioWord(_ value: UInt64, _ offset: Int)
    /// Loads a word of the register page.
    func loadVirtioRegister(_ offset: Int) -> UInt32
    func storeVirtioRegister(_ value: UInt32, _ offset: Int)
    /// Raises `VirtioPages.BackendEvent.control`.
    func tellBackend()
}

/// The part of the environment that devices use. It has no interrupts, because a device only sets its line's level.
public typealias DeviceEnvironment = SerialLine & TimeSource & FailureListener & FlashStore & VirtioPort
