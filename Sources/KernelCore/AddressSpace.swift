import ABI

/// A stage-2 table and the memory for its further tables.
public struct AddressSpace: ~Copyable {
    public var translation: Translation
    public var root: PhysicalAddress
    /// Memory for tables that is not used yet.
    public var poolNext: PhysicalAddress
    public var poolEnd: PhysicalAddress
    public var identifier: UInt16
    /// The virtual CPUs that run in it, by virtual affinity; for inter-processor interrupts.
    public var virtualCPUs: InlineArray<16, Ref<ExecutionContext>?>
    /// The virtual CPU that ran last on each core.
    public var lastOnCore: InlineArray<8, Ref<ExecutionContext>?>
    public var doorbells: InlineArray<8, Doorbell>
    public var doorbellCount: Int

    /// The structure takes the object's first page; the root table and the pool follow.
    public static let headerSize: UInt64 = Page.size
    /// 39 bits, three levels of 512 entries: 1 GiB, 2 MiB and 4 KiB.
    public static let addressLimit: UInt64 = 1 << 39
}

/// A guest-physical address whose store raises bits, with no monitor on the path.
public struct Doorbell {
    public var address: GuestAddress
    public var notification: Ref<Notification>?
    public var bits: UInt64
}

/// Geometry of the tables: 4 KiB granule, levels 1…3.
enum PageTable {
    static let lastLevel = 3
    static let firstLevel = 1

    @inline(__always) static func shift(_ level: Int) -> UInt64 { 12 &+ 9 &* UInt64(3 &- level) }
    /// Bytes that an entry of this level covers.
    @inline(__always) static func span(_ level: Int) -> UInt64 { 1 << shift(level) }
    @inline(__always) static func index(_ address: GuestAddress, _ level: Int) -> UInt64 {
        address.value >> shift(level) & 511
    }
}

extension Kernel {
    /// How many leaf entries one `map` writes before it answers `again`: the bound on its work.
    static var mapBatch: UInt64 { 256 }

    /// `map`: `x1` space (form 0 map, 1 unmap), `x2` extent, `x3` address, `x4` offset in the extent, `x5` size,
    /// `x6` rights. Everything is a multiple of 4 KiB; 2 MiB and 1 GiB entries are used where alignment allows.
    /// Back: `x2` bytes done, with `again` if that is not all.
    static func map(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let space = try find(caller, selector, .addressSpace, .write).pointee.target(AddressSpace.self)
        let frame = caller.pointee.frame
        let request = MapRequest(
            address: GuestAddress(frame.x[3]), offset: frame.x[4], size: frame.x[5],
            rights: Rights(rawValue: UInt8(truncatingIfNeeded: frame.x[6] & 7)))
        guard selector.form <= 1 else { throw .unsupported }
        guard request.isPossible else { throw .badArgument }
        let done: UInt64
        if selector.form == 0 {
            let extent = try findSlot(caller, frame.x[2], .extent, request.rights)
            guard request.offset <= extent.pointee.size, request.size <= extent.pointee.size &- request.offset else {
                throw .badArgument
            }
            done = try map(space, extent.pointee, request)
        } else {
            done = try unmap(space, request)
        }
        caller.pointee.frame.x[2] = done
        if done < request.size { caller.pointee.frame.x[0] = Status.again.rawValue }
    }

    static func map(
        _ space: Ref<AddressSpace>, _ extent: Capability, _ request: MapRequest
    ) throws(Failure) -> UInt64 {
        var done: UInt64 = 0
        var written: UInt64 = 0
        while done < request.size, written < mapBatch {
            let address = request.address + done
            let physical = extent.object + (request.offset &+ done)
            let level = leafLevel(space, address, physical, request.size &- done)
            let table: PhysicalAddress
            do throws(Failure) { table = try tableFor(space, address, level) } catch {
                if done == 0 { throw error }
                return done
            }
            let index = PageTable.index(address, level)
            guard M.readEntry(table, index).isEmpty else {
                if done == 0 { throw .occupied }
                return done
            }
            M.writeEntry(
                table, index,
                M.leafEntry(physical, level: level, rights: request.rights, device: extent.isDevice))
            done &+= PageTable.span(level)
            written &+= 1
        }
        return done
    }

    /// The largest entry that fits: blocks need both addresses aligned, and no table of smaller pieces in their place.
    private static func leafLevel(
        _ space: Ref<AddressSpace>, _ address: GuestAddress, _ physical: PhysicalAddress, _ size: UInt64
    ) -> Int {
        var table: PhysicalAddress? = space.pointee.root
        var level = PageTable.firstLevel
        while level < PageTable.lastLevel {
            let span = PageTable.span(level)
            let next = table.flatMap { M.table(of: M.readEntry($0, PageTable.index(address, level))) }
            if (address.value | physical.value) & (span &- 1) == 0, size >= span, next == nil { return level }
            table = next
            level &+= 1
        }
        return level
    }

    /// The table of `level` that covers `address`, made from the space's pool where it is missing.
    private static func tableFor(
        _ space: Ref<AddressSpace>, _ address: GuestAddress, _ level: Int
    ) throws(Failure) -> PhysicalAddress {
        var table = space.pointee.root
        var current = PageTable.firstLevel
        while current < level {
            let index = PageTable.index(address, current)
            let entry = M.readEntry(table, index)
            if let next = M.table(of: entry) {
                table = next
            } else {
                guard entry.isEmpty else { throw .occupied }
                let fresh = space.pointee.poolNext
                guard fresh < space.pointee.poolEnd else { throw .noMemory }
                space.pointee.poolNext = fresh + Page.size
                M.zero(fresh, size: Page.size)
                M.writeEntry(table, index, M.tableEntry(fresh))
                table = fresh
            }
            current &+= 1
        }
        return table
    }

    private static func unmap(_ space: Ref<AddressSpace>, _ request: MapRequest) throws(Failure) -> UInt64 {
        var done: UInt64 = 0
        var written: UInt64 = 0
        while done < request.size, written < mapBatch {
            let address = request.address + done
            guard let found = leaf(space, address), address.value & (found.span &- 1) == 0,
                found.span <= request.size &- done
            else {
                if done == 0 { throw .badArgument }
                return done
            }
            M.writeEntry(found.table, found.index, PageTableEntry(bits: 0))
            M.invalidate(space.pointee.translation, address)
            done &+= found.span
            written &+= 1
        }
        return done
    }

    private struct Leaf {
        var table: PhysicalAddress
        var index: UInt64
        var span: UInt64
    }

    /// The entry that maps `address`, if one does.
    private static func leaf(_ space: Ref<AddressSpace>, _ address: GuestAddress) -> Leaf? {
        var table = space.pointee.root
        var level = PageTable.firstLevel
        while true {
            let index = PageTable.index(address, level)
            let entry = M.readEntry(table, index)
            if let next = M.table(of: entry), level < PageTable.lastLevel {
                table = next
                level &+= 1
            } else {
                return entry.isEmpty ? nil : Leaf(table: table, index: index, span: PageTable.span(level))
            }
        }
    }
}

/// The words of a `map`, checked for shape.
struct MapRequest {
    var address: GuestAddress
    var offset: UInt64
    var size: UInt64
    var rights: Rights

    var isPossible: Bool {
        Page.isAligned(address.value | offset | size) && size != 0
            && size <= AddressSpace.addressLimit && address.value <= AddressSpace.addressLimit &- size
    }
}
