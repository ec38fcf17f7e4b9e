/// A device on a machine's bus: a plain value that answers accesses to its registers and sets the level of one
/// interrupt line.
///
/// A device knows neither the interrupt controller nor other devices, and it takes no lock. So a copy of the value is a
/// snapshot of the device. `MachineUnits.perform` finds the device of an address, takes the device's lock, and sets the
/// level of the device's line.
///
/// A conforming type needs `placement`, `read` and `write`; all other requirements have a default. `MachineDevices`
/// (DeviceList.swift) lists the types.
public protocol Device {
    /// The device's address, and the interrupt to which its line is wired.
    static var placement: Placement { get }

    /// Returns whether a machine with these options has the device.
    static func isPresent(in options: PlatformOptions) -> Bool

    /// Makes the device as it is after the machine's first start.
    init()

    /// Loads `size` bytes, 1, 2, 4 or 8, at an offset into the window. The access need not be aligned.
    mutating func read<Environment: DeviceEnvironment>(_ offset: UInt64, size: UInt64, _ environment: inout Environment)
        -> UInt64

    /// Stores the low `size` bytes of `value`; the other bytes of `value` are zero.
    mutating func write<Environment: DeviceEnvironment>(
        _ offset: UInt64, size: UInt64, _ value: UInt64, _ environment: inout Environment)

    /// The level of its interrupt line.
    var isInterrupting: Bool { get }

    /// Handles a change at the other end of the device's wire.
    mutating func exchange<Environment: DeviceEnvironment>(_ environment: inout Environment)

    /// Ends the wait that the device requested with `DeviceEnvironment.askForMoment`.
    mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment)

    /// True while the device waits for `endMoment`.
    var awaitsMoment: Bool { get }

    /// True while output of the guest has not left the device yet.
    var isBusy: Bool { get }

    /// Handles the passage of time.
    mutating func update<Environment: DeviceEnvironment>(_ environment: inout Environment)

    /// Returns the time after which `update` must be called, in sixteenths of a second, from 1 to 16; nil if time
    /// does not matter to the device at present.
    func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment) -> UInt64?

    /// Prepares a reset of the machine, which does not run. Returns false if it must be called again later, because
    /// something else still works for the device.
    mutating func prepareReset<Environment: DeviceEnvironment>(_ environment: inout Environment) -> Bool

    /// Prepares the machine's start. Returns false if the machine must not start yet. The monitor's notification then
    /// tells when this is worth another call.
    mutating func prepareStart<Environment: DeviceEnvironment>(_ environment: inout Environment) -> Bool

    /// Returns the device as it is after a reset of the machine.
    func afterReset() -> Self

    /// True if the last access must be repeated, because something else still works for the device. The access has
    /// had no other effect than that a repetition finishes it.
    var isHeldByPeer: Bool { get }
}

extension Device {
    @inline(__always) public static func isPresent(in options: PlatformOptions) -> Bool { true }
    @inline(__always) public var isInterrupting: Bool { false }
    @inline(__always) public mutating func exchange<Environment: DeviceEnvironment>(_ environment: inout Environment) {}
    @inline(__always) public mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment) {
    }
    @inline(__always) public var awaitsMoment: Bool { false }
    @inline(__always) public var isBusy: Bool { false }
    @inline(__always) public mutating func update<Environment: DeviceEnvironment>(_ environment: inout Environment) {}
    @inline(__always) public func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment)
        -> UInt64?
    { nil }
    public mutating func prepareReset<Environment: DeviceEnvironment>(_ environment: inout Environment) -> Bool { true }
    public mutating func prepareStart<Environment: DeviceEnvironment>(_ environment: inout Environment) -> Bool { true }
    public func afterReset() -> Self { Self() }
    @inline(__always) public var isHeldByPeer: Bool { false }
}

/// The wiring of a device.
public struct Placement {
    /// Guest-physical address of the window's first byte.
    public let base: UInt64
    public let size: UInt64
    /// A shared interrupt, 32…127; nil if the device has no line.
    public let interrupt: InterruptID?

    @inline(__always)
    public init(base: UInt64, size: UInt64, interrupt: InterruptID?) {
        self.base = base
        self.size = size
        self.interrupt = interrupt
    }
}

/// The choices of the manifest on which the set of a machine's devices depends.
public struct PlatformOptions: Equatable, Sendable {
    public var hasWatchdog = false
    /// True if the machine starts from firmware.
    public var hasFlash = false
    public var hasVirtio = false

    @inline(__always) public init() {}
}
