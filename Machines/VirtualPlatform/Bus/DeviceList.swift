/// The devices of a machine except its interrupt controller. To add one, write its type in a file of its own and add
/// the type here.
///
/// The list is a type, so that the compiler resolves every access to a comparison with constants and copies no device
/// to change it. An enumeration with a device in each case would copy the device out and back.
///
/// The PL011 must stand first: `PlatformDevices.perform` sends each access to the serial window to the first device of
/// this list, and asks only the others for the rest of the bus.
public typealias MachineDevices =
    Attached<PL011, Attached<PL031, Attached<GenericWatchdog, Attached<PanicDevice, NoDevices>>>>

/// A list of devices, each with its window on the bus.
public protocol DeviceList {
    init()

    /// Calls `body` with the window and the line of each device. Together they are the table of the bus.
    static func forEachPlacement(_ body: (Placement) -> Void)

    /// Performs an access. Returns the loaded value (zero for a store), or nil if no device has the address.
    mutating func perform<Environment: InterruptPort & DeviceEnvironment>(
        _ access: MemoryAccess, _ options: PlatformOptions, _ interrupts: inout InterruptController,
        _ environment: inout Environment
    ) -> UInt64?

    mutating func exchange<Environment: InterruptPort & DeviceEnvironment>(
        _ interrupts: inout InterruptController, _ environment: inout Environment)
    mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment)
    mutating func update<Environment: InterruptPort & DeviceEnvironment>(
        _ interrupts: inout InterruptController, _ environment: inout Environment)
    mutating func reset()
    func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment) -> UInt64?
    var awaitsMoment: Bool { get }
    var isBusy: Bool { get }
}

/// A device followed by the others of a list. `Device` documents the functions, each of which asks all devices.
public struct Attached<First: Device, Others: DeviceList>: DeviceList {
    public private(set) var first = First()
    public internal(set) var others = Others()

    public init() {}

    public static func forEachPlacement(_ body: (Placement) -> Void) {
        body(First.placement)
        Others.forEachPlacement(body)
    }

    @inline(__always)
    public mutating func perform<Environment: InterruptPort & DeviceEnvironment>(
        _ access: MemoryAccess, _ options: PlatformOptions, _ interrupts: inout InterruptController,
        _ environment: inout Environment
    ) -> UInt64? {
        let offset = access.address &- First.placement.base
        guard offset < First.placement.size, First.isPresent(in: options) else {
            return others.perform(access, options, &interrupts, &environment)
        }
        return performHere(access, offset, &interrupts, &environment)
    }

    /// Performs an access to the first device.
    /// - Parameter offset: the offset into the first device's window.
    @inline(__always)
    mutating func performHere<Environment: InterruptPort & DeviceEnvironment>(
        _ access: MemoryAccess, _ offset: UInt64, _ interrupts: inout InterruptController,
        _ environment: inout Environment
    ) -> UInt64 {
        var loaded: UInt64 = 0
        if access.isWrite {
            first.write(offset, size: access.size, access.value, &environment)
        } else {
            loaded = first.read(offset, size: access.size, &environment)
        }
        driveLine(&interrupts, &environment)
        return loaded
    }

    @inline(__always)
    private mutating func driveLine<Environment: InterruptPort>(
        _ interrupts: inout InterruptController, _ environment: inout Environment
    ) {
        guard let interrupt = First.placement.interrupt else { return }
        interrupts.setLine(interrupt, high: first.isInterrupting, &environment)
    }

    public mutating func exchange<Environment: InterruptPort & DeviceEnvironment>(
        _ interrupts: inout InterruptController, _ environment: inout Environment
    ) {
        first.exchange(&environment)
        driveLine(&interrupts, &environment)
        others.exchange(&interrupts, &environment)
    }

    public mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment) {
        first.endMoment(&environment)
        others.endMoment(&environment)
    }

    public mutating func update<Environment: InterruptPort & DeviceEnvironment>(
        _ interrupts: inout InterruptController, _ environment: inout Environment
    ) {
        first.update(&environment)
        driveLine(&interrupts, &environment)
        others.update(&interrupts, &environment)
    }

    public mutating func reset() {
        first = first.afterReset()
        others.reset()
    }

    public func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment) -> UInt64? {
        let here = first.sixteenthsToUpdate(&environment)
        guard let there = others.sixteenthsToUpdate(&environment) else { return here }
        return min(here ?? there, there)
    }

    public var awaitsMoment: Bool { first.awaitsMoment || others.awaitsMoment }
    public var isBusy: Bool { first.isBusy || others.isBusy }
}

/// The end of a list of devices.
public struct NoDevices: DeviceList {
    public init() {}
    public static func forEachPlacement(_ body: (Placement) -> Void) {}

    public mutating func perform<Environment: InterruptPort & DeviceEnvironment>(
        _ access: MemoryAccess, _ options: PlatformOptions, _ interrupts: inout InterruptController,
        _ environment: inout Environment
    ) -> UInt64? { nil }

    public mutating func exchange<Environment: InterruptPort & DeviceEnvironment>(
        _ interrupts: inout InterruptController, _ environment: inout Environment
    ) {}
    public mutating func endMoment<Environment: DeviceEnvironment>(_ environment: inout Environment) {}
    public mutating func update<Environment: InterruptPort & DeviceEnvironment>(
        _ interrupts: inout InterruptController, _ environment: inout Environment
    ) {}
    public mutating func reset() {}
    public func sixteenthsToUpdate<Environment: DeviceEnvironment>(_ environment: inout Environment) -> UInt64? { nil }
    public var awaitsMoment: Bool { false }
    public var isBusy: Bool { false }
}
