import ABI

/// What the interrupt controller's registers act upon: the kernel's state of each virtual CPU's interrupts.
///
/// The kernel is the only holder of *pending* and *active*; everything else that it keeps was told to it through here.
public protocol InterruptPort {
    /// Applies one form; `index` and `value` as `VirtualInterruptControl` says. An answer is not expected.
    mutating func control(_ form: VirtualInterruptControl, virtualCPU: Int, index: UInt64, value: UInt64)

    /// What the kernel knows at this moment of the 32 interrupts of a word.
    mutating func state(ofWord word: Int, virtualCPU: Int) -> InterruptWordState
}

/// Two bits of 32 interrupts that change without the monitor.
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
    /// Has `PlatformDevices.watch` called soon.
    mutating func askForWatch()
}

/// The two directions of a serial port's wire.
public protocol SerialLine {
    /// Sends a byte; false when there is no room now.
    mutating func transmit(_ byte: UInt8) -> Bool
    /// The next byte that has come, if any.
    mutating func receive() -> UInt8?
    /// Has the reader of the wire told that bytes have been sent, once the access is done.
    mutating func tellReader()
    /// Has `PlatformDevices.endMoment` called a moment later.
    /// - Returns: False: nobody will call it.
    mutating func askForMoment() -> Bool
}

/// A failure of a machine, as one of its devices has noticed it.
public enum MachineFailure: Equatable, Sendable {
    /// The guest says that it has panicked.
    case panicked
    /// The guest says that it has panicked and deals with it itself.
    case crashLoaded
    /// The guest did not answer its watchdog.
    case hangs
}

/// The way by which a device tells the environment of a failure of the machine.
public protocol FailureListener {
    /// Takes note of a failure. Acting on it may come later.
    mutating func report(_ failure: MachineFailure)
}

/// The part of the environment that devices see. It has no interrupts, because a device only sets the level of its line.
public typealias DeviceEnvironment = SerialLine & TimeSource & FailureListener
