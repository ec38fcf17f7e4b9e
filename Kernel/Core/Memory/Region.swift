import ABI

/// Donated RAM from which objects and extents are made, from its start to its end.
public struct Region: ~Copyable {
    public var start: PhysicalAddress
    /// The first free byte; all memory before it is in use.
    public var next: PhysicalAddress
    public var end: PhysicalAddress
    /// The end of the memory that was in use before.
    var dirtyEnd: PhysicalAddress
    /// The start of the memory that the kernel has zeroed for an object that was being created.
    var zeroedFrom: PhysicalAddress
    /// The end of that memory.
    var zeroedTo: PhysicalAddress
    public static let size: UInt64 = 64
}

/// The part of a region that an object takes.
struct Shape {
    var size: UInt64
    var alignment: UInt64
    /// The number of bytes that the kernel zeroes even if no tenant had them before.
    var zeroed: UInt64
    /// True if all memory that a tenant had before is zeroed. False for regions, because their objects are zeroed
    /// later.
    var forgets = true

    init(_ size: UInt64, alignment: UInt64 = 64, zeroed: UInt64? = nil) {
        self.size = size
        self.alignment = alignment
        self.zeroed = zeroed ?? size
    }
}

extension Kernel {
    /// The number of bytes that one entry zeroes at most.
    static var zeroBatch: UInt64 { 16 << 10 }

    /// Returns the address at which the object will lie. Takes nothing yet.
    static func place(_ region: Ref<Region>, _ shape: Shape) throws(Failure) -> PhysicalAddress {
        let start = (region.pointee.next.value &+ shape.alignment &- 1) & ~(shape.alignment &- 1)
        guard start <= region.pointee.end.value, shape.size <= region.pointee.end.value &- start
        else { throw .noMemory }
        return PhysicalAddress(start)
    }

    /// Zeroes the memory that must be zero before the object may be made: the part on which the kernel relies, and
    /// memory that another tenant had before. Throws `again` while some is left; the region keeps the progress.
    static func clear(_ region: Ref<Region>, _ address: PhysicalAddress, _ shape: Shape) throws(Failure) {
        let needed =
            shape.forgets
            ? max(address + shape.zeroed, min(address + shape.size, region.pointee.dirtyEnd)) : address + shape.zeroed
        // Memory that was zeroed for another object counts only if there is no gap.
        if address < region.pointee.zeroedFrom || address > region.pointee.zeroedTo {
            region.pointee.zeroedFrom = address
            region.pointee.zeroedTo = address
        }
        let from = region.pointee.zeroedTo
        guard from < needed else { return }
        let rest = needed.value &- from.value
        let step = min(rest, zeroBatch)
        M.zero(from, size: step)
        region.pointee.zeroedTo = from + step
        if step < rest { throw .again }
    }
}
