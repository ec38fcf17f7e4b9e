/// The address of a byte in physical memory. The kernel's own mapping is one to one.
public struct PhysicalAddress: Equatable, Comparable {
    public var value: UInt64
    @inline(__always) public init(_ value: UInt64) { self.value = value }
    @inline(__always) public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    @inline(__always) public static func + (left: Self, right: UInt64) -> Self { Self(left.value &+ right) }
}

/// The address of a byte in a tenant's space: a component's virtual or a machine's guest-physical address.
public struct GuestAddress: Equatable {
    public var value: UInt64
    @inline(__always) public init(_ value: UInt64) { self.value = value }
    @inline(__always) public static func + (left: Self, right: UInt64) -> Self { Self(left.value &+ right) }
}

/// A point in time or a length of time, in ticks of the system counter.
public struct Ticks: Equatable, Comparable {
    public var value: UInt64
    @inline(__always) public init(_ value: UInt64) { self.value = value }
    @inline(__always) public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    @inline(__always) public static func + (left: Self, right: Self) -> Self { Self(left.value &+ right.value) }
    public static var never: Ticks { Ticks(.max) }
}

/// A core, by its index in the board's table.
public struct CoreID: Equatable {
    public var number: UInt8
    @inline(__always) public init(_ number: UInt8) { self.number = number }
    @inline(__always) public var index: Int { Int(number) }
    public static let maximum = 8
}

/// Sizes of memory.
public enum Page {
    public static let size: UInt64 = 4096
    public static let shift: UInt64 = 12
    @inline(__always) public static func isAligned(_ value: UInt64) -> Bool { value & (size &- 1) == 0 }
    @inline(__always) public static func roundUp(_ value: UInt64) -> UInt64 { (value &+ (size &- 1)) & ~(size &- 1) }
}
