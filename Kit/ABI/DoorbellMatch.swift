/// The stored values at which a doorbell rings, as the word that `doorbell` gets: all values, or one.
///
/// Bits 0…31 hold the value. Bits 32…39 hold the number of low bits of a stored value that are compared with it: 8,
/// 16 or 32, or 0 for a doorbell that rings at every store. A store of fewer bits counts as extended by zeros.
public struct DoorbellMatch: Equatable, Sendable {
    public var bits: UInt64
    /// Every store rings the doorbell.
    public static var every: DoorbellMatch { DoorbellMatch(bits: 0) }

    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    /// - Parameter width: the number of bits that are compared: 8, 16 or 32. The value has no more.
    @inline(__always) public init(value: UInt32, width: UInt64) { bits = width << 32 | UInt64(value) }

    /// The number of bits that are compared.
    @inline(__always) public var width: UInt64 { bits >> 32 }
    @inline(__always) public var value: UInt64 { bits & 0xFFFF_FFFF }
    @inline(__always) private var mask: UInt64 { 1 &<< width &- 1 }

    /// True if the kernel accepts the word.
    public var isPossible: Bool {
        (width == 0 || width == 8 || width == 16 || width == 32) && value & ~mask == 0
    }
    /// Returns whether a store of this value, extended by zeros, rings the doorbell.
    @inline(__always) public func matches(_ stored: @autoclosure () -> UInt64) -> Bool {
        self == .every || stored() & mask == value
    }
    /// Returns whether some value would ring this doorbell and another one at the same address.
    public func overlaps(_ other: DoorbellMatch) -> Bool { (value ^ other.value) & mask & other.mask == 0 }
}
