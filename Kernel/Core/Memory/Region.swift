import ABI

/// Donated RAM that is turned into objects and extents, from its start to its end.
public struct Region: ~Copyable {
    public var start: PhysicalAddress
    /// What comes next; everything before it is in use.
    public var next: PhysicalAddress
    public var end: PhysicalAddress
    /// Below this the memory has been in use before.
    var dirtyEnd: PhysicalAddress
    /// From here…
    var zeroedFrom: PhysicalAddress
    /// …to here the kernel has zeroed it, for an object that was being created.
    var zeroedTo: PhysicalAddress
    public static let size: UInt64 = 64
}

/// What an object takes of a region.
struct Shape {
    var size: UInt64
    var alignment: UInt64
    /// How much of it the kernel zeroes even if nobody had it before.
    var zeroed: UInt64
    /// Whether all of it is zeroed that somebody had before: not a region, whose objects are.
    var forgets = true

    init(_ size: UInt64, alignment: UInt64 = 64, zeroed: UInt64? = nil) {
        self.size = size
        self.alignment = alignment
        self.zeroed = zeroed ?? size
    }
}

extension Kernel {
    /// How much one entry zeroes at most.
    static var zeroBatch: UInt64 { 16 << 10 }

    /// Where the object will lie; nothing is taken yet.
    static func place(_ region: Ref<Region>, _ shape: Shape) throws(Failure) -> PhysicalAddress {
        let start = (region.pointee.next.value &+ shape.alignment &- 1) & ~(shape.alignment &- 1)
        guard start <= region.pointee.end.value, shape.size <= region.pointee.end.value &- start
        else { throw .noMemory }
        return PhysicalAddress(start)
    }

    /// Zeroes what must be zero before the object may be made: what the kernel relies on, and what somebody else had
    /// before. Throws `again` when it is not done yet; the region remembers.
    static func clear(_ region: Ref<Region>, _ address: PhysicalAddress, _ shape: Shape) throws(Failure) {
        let needed =
            shape.forgets
            ? max(address + shape.zeroed, min(address + shape.size, region.pointee.dirtyEnd)) : address + shape.zeroed
        // What was zeroed for another object counts only without a gap.
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
