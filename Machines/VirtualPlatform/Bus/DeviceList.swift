/// The devices of a machine except its interrupt controller. To add one, write its type in a file of its own and add
/// the type here.
///
/// The list is a list of types and holds no device, because each device has a lock and memory of its own
/// (`MachineUnits`). So the compiler resolves every access to a comparison with constants and copies no device to
/// change it. An enumeration with a device in each case would copy the device out and back.
///
/// The PL011 must stand first: `MachineUnits.perform` sends each access to the serial window to the first device of
/// this list.
public typealias MachineDevices =
    Attached<
        PL011,
        Attached<
            PL031,
            Attached<
                GenericWatchdog, Attached<PanicDevice, Attached<VirtioTransport, Attached<ParallelFlash, NoDevices>>>
            >
        >
    >

/// A device's position in a list of devices.
public struct DevicePosition<Positioned: Device>: Sendable {
    /// The number of devices before it.
    public let number: Int
    /// Its offset in the memory of all devices of the list. It is a multiple of `deviceAlignment`.
    public let offset: Int

    @inline(__always)
    fileprivate init(number: Int, offset: Int) {
        self.number = number
        self.offset = offset
    }

    /// The unit of the machine that the device is.
    @inline(__always) public var unit: MachineUnit { .device(number) }
}

/// Each device begins at a multiple of these bytes, so that cores that use different devices share no cache line.
public let deviceAlignment = 64

/// A function that is called for devices of all types.
public protocol DeviceVisitor {
    mutating func visit<Visited: Device>(_ position: DevicePosition<Visited>)
}

/// A list of device types. The functions with `number` and `offset` continue a list whose devices before this one
/// number `number` and take `offset` bytes of memory.
public protocol DeviceList {
    /// Calls `visitor` for each device.
    static func visitAll<Visitor: DeviceVisitor>(number: Int, offset: Int, _ visitor: inout Visitor)

    /// Calls `visitor` for the device whose window contains the address. Returns false if there is none.
    static func visitDevice<Visitor: DeviceVisitor>(
        at address: UInt64, _ options: PlatformOptions, number: Int, offset: Int, _ visitor: inout Visitor
    ) -> Bool

    static var count: Int { get }
    /// The size in bytes of the memory of all devices.
    static var size: Int { get }
}

extension DeviceList {
    @inline(__always)
    public static func visitAll<Visitor: DeviceVisitor>(_ visitor: inout Visitor) {
        visitAll(number: 0, offset: 0, &visitor)
    }

    @inline(__always)
    public static func visitDevice<Visitor: DeviceVisitor>(
        at address: UInt64, _ options: PlatformOptions, _ visitor: inout Visitor
    ) -> Bool {
        visitDevice(at: address, options, number: 0, offset: 0, &visitor)
    }
}

/// A device type followed by the others of a list.
public enum Attached<First: Device, Others: DeviceList>: DeviceList {
    /// The position of the first device of the whole list.
    @inline(__always) public static var first: DevicePosition<First> { DevicePosition(number: 0, offset: 0) }

    @inline(__always) private static var firstSize: Int {
        (MemoryLayout<First>.size &+ (deviceAlignment &- 1)) & ~(deviceAlignment &- 1)
    }

    @inline(__always) public static var count: Int { 1 &+ Others.count }
    @inline(__always) public static var size: Int { firstSize &+ Others.size }

    @inline(__always)
    public static func visitAll<Visitor: DeviceVisitor>(number: Int, offset: Int, _ visitor: inout Visitor) {
        visitor.visit(DevicePosition<First>(number: number, offset: offset))
        Others.visitAll(number: number &+ 1, offset: offset &+ firstSize, &visitor)
    }

    @inline(__always)
    public static func visitDevice<Visitor: DeviceVisitor>(
        at address: UInt64, _ options: PlatformOptions, number: Int, offset: Int, _ visitor: inout Visitor
    ) -> Bool {
        guard address &- First.placement.base < First.placement.size, First.isPresent(in: options) else {
            return Others.visitDevice(
                at: address, options, number: number &+ 1, offset: offset &+ firstSize, &visitor)
        }
        visitor.visit(DevicePosition<First>(number: number, offset: offset))
        return true
    }
}

/// The end of a list of devices.
public enum NoDevices: DeviceList {
    @inline(__always) public static var count: Int { 0 }
    @inline(__always) public static var size: Int { 0 }

    @inline(__always)
    public static func visitAll<Visitor: DeviceVisitor>(number: Int, offset: Int, _ visitor: inout Visitor) {}

    @inline(__always)
    public static func visitDevice<Visitor: DeviceVisitor>(
        at address: UInt64, _ options: PlatformOptions, number: Int, offset: Int, _ visitor: inout Visitor
    ) -> Bool { false }
}
