import ABI

/// A stage-2 table and the memory for its further tables.
///
/// `map` and `unmap` below change the tables under the lock; Kernel+FastMap.swift is their fast path. Space for
/// tables comes from the space's own object, so that no tenant can use up another one's.
public struct AddressSpace: ~Copyable {
    public var translation: Translation
    public var root: PhysicalAddress
    /// The first page of the pool that is not used yet.
    public var poolNext: PhysicalAddress
    public var poolEnd: PhysicalAddress
    /// The translation identifier, under which the TLB keeps the space's translations.
    public var identifier: UInt16
    /// A number that tells the space from an earlier one that had its identifier.
    var serial: UInt64
    /// The virtual CPUs that run in the space, by virtual affinity, for inter-processor interrupts.
    public let virtualCPUs: SharedRefs<16, ExecutionContext>
    /// The virtual CPU that ran last on each core.
    public var lastOnCore: InlineArray<8, Ref<ExecutionContext>?>
    /// True once a virtual CPU has been configured for the space. Never true together with `isComponents`.
    var isMachines: Bool
    /// True once a thread has been configured for the space.
    var isComponents: Bool
    /// The table of doorbells, if the space has paid for one. Constant, so that other cores read it without the lock.
    public var doorbells: Ref<DoorbellTable>?

    /// The size of the structure, which takes the object's first page. The root table, the table of doorbells and the
    /// pool follow.
    public static let headerSize: UInt64 = Page.size
    /// The addresses have 39 bits, resolved by three levels of 512 entries: 1 GiB, 2 MiB and 4 KiB.
    public static let addressLimit: UInt64 = 1 << 39
}

/// The geometry of the tables: 4 KiB granule, levels 1…3.
enum PageTable {
    static let lastLevel = 3
    static let firstLevel = 1

    @inline(__always) static func shift(_ level: Int) -> UInt64 { 12 &+ 9 &* UInt64(3 &- level) }
    /// Returns the number of bytes that an entry of this level covers.
    @inline(__always) static func span(_ level: Int) -> UInt64 { 1 << shift(level) }
    @inline(__always) static func index(_ address: GuestAddress, _ level: Int) -> UInt64 {
        address.value >> shift(level) & 511
    }
}

extension Kernel {
    /// The number of leaf entries that one `map` writes, which bounds its work.
    static var mapBatch: UInt64 { 16 }

    /// Performs `map`: maps a part of an extent into a space.
    ///
    /// `x1` is the space, `x2` the extent, `x3` the address, `x4` the offset in the extent, `x5` the size, `x6` the
    /// rights, and `x7` a slot of the caller's table. The slot is free, or holds a mapping that this one continues or
    /// whose space is gone. All values are multiples of 4 KiB; entries of 2 MiB and 1 GiB are used where the
    /// alignment allows. Returns in `x2` the bytes mapped, with `again` if some are left.
    static func map(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        guard selector.form == 0 else { throw .unsupported }
        let space = try findNode(caller, UInt64(selector.slot), .addressSpace, .write)
            .pointee.target(AddressSpace.self)
        let request = MapRequest(caller)
        guard request.isPossible else { throw .badArgument }
        let extent = try findNode(caller, caller.pointee.frame.x[2], .extent, request.rights)
        guard request.offset <= extent.pointee.size, request.size <= extent.pointee.size &- request.offset else {
            throw .badArgument
        }
        guard caller.pointee.frame.x[7] <= UInt32.max,
            let slot = caller.pointee.table?.pointee.slot(UInt32(caller.pointee.frame.x[7]))
        else { throw .badCapability }
        try mayGrow(extent)
        // A mapping whose space is gone maps nothing, so the slot can be reused.
        let isLeftOver = slot.pointee.kind == .mapping && MappedRange.space(of: slot, M.board) == nil
        if !slot.pointee.isEmpty, !isLeftOver { try mayContinue(slot, extent, space, request) }
        let done = try map(space, extent.pointee.value, request)
        if isLeftOver { erase(slot) }
        record(slot, extent, space, request, done)
        caller.pointee.frame.x[2] = done
        if done < request.size { throw .again }
    }

    /// Throws unless a mapping can become longer: it is of this extent and this space, and ends where the new part
    /// begins.
    private static func mayContinue(
        _ slot: Ref<Capability>, _ extent: Ref<Capability>, _ space: Ref<AddressSpace>, _ request: MapRequest
    ) throws(Failure) {
        guard slot.pointee.kind == .mapping, slot.pointee.parent == extent,
            slot.pointee.object == MappedRange.space(space),
            MappedRange(word: slot.pointee.word).end == request.address
        else { throw .occupied }
    }

    private static func record(
        _ slot: Ref<Capability>, _ extent: Ref<Capability>, _ space: Ref<AddressSpace>, _ request: MapRequest,
        _ done: UInt64
    ) {
        guard slot.pointee.isEmpty else {
            slot.pointee.word = MappedRange(word: slot.pointee.word).longer(by: done)
            return
        }
        publish(
            CapabilityValue(
                kind: .mapping, rights: request.rights, isDevice: false, object: MappedRange.space(space),
                word: MappedRange(request.address, size: done).word),
            in: slot, under: extent)
    }

    static func map(
        _ space: Ref<AddressSpace>, _ extent: CapabilityValue, _ request: MapRequest
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

    /// Returns the level of the largest entry that fits. A block needs both addresses aligned, and no table of
    /// smaller entries in its position.
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

    /// Returns the table of `level` that covers `address`. Takes missing tables from the space's pool.
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

    /// The number of leaf entries of a mapping that one step removes. Each is invalidated on all cores.
    static var unmapBatch: UInt64 { 8 }

    /// Removes the entries of a mapping, a part at a time. The mapping's capability keeps the rest. If the space is
    /// gone, nothing is left to do.
    static func unmap(_ mapping: Ref<Capability>) -> Progress {
        guard let space = MappedRange.space(of: mapping, M.board) else { return .done }
        defer { awaitCopies() }
        var range = MappedRange(word: mapping.pointee.word)
        for _ in 0..<unmapBatch {
            guard range.size != 0, let found = leaf(space, range.address) else { return .done }
            M.writeEntry(found.table, found.index, PageTableEntry(bits: 0))
            M.invalidate(space.pointee.translation, range.address)
            range = range.shorter(by: found.span)
            mapping.pointee.word = range.word
        }
        return range.size == 0 ? .done : .more
    }

    struct Leaf {
        var table: PhysicalAddress
        var index: UInt64
        var span: UInt64
    }

    /// Returns the leaf that maps `address`, if there is one.
    static func leaf(_ space: Ref<AddressSpace>, _ address: GuestAddress) -> Leaf? {
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

/// The message words of a `map`.
struct MapRequest {
    var address: GuestAddress
    var offset: UInt64
    var size: UInt64
    var rights: Rights

    init(address: GuestAddress, offset: UInt64, size: UInt64, rights: Rights) {
        self.address = address
        self.offset = offset
        self.size = size
        self.rights = rights
    }

    init(_ caller: Ref<ExecutionContext>) {
        self.init(
            address: GuestAddress(caller.pointee.frame.x[3]), offset: caller.pointee.frame.x[4],
            size: caller.pointee.frame.x[5],
            rights: Rights(rawValue: UInt8(truncatingIfNeeded: caller.pointee.frame.x[6] & 7)))
    }

    var isPossible: Bool {
        Page.isAligned(address.value | offset | size) && size != 0
            && size <= AddressSpace.addressLimit && address.value <= AddressSpace.addressLimit &- size
    }
}

/// The position of a mapping, in a capability's word: the number of its first page in bits 0…27, the count of its
/// pages in bits 28…63.
struct MappedRange {
    var word: UInt64
    private static let countShift: UInt64 = 28

    @inline(__always) init(word: UInt64) { self.word = word }
    @inline(__always) init(_ address: GuestAddress, size: UInt64) {
        word = address.value >> Page.shift | (size >> Page.shift) << Self.countShift
    }

    @inline(__always) var address: GuestAddress {
        GuestAddress((word & (1 << Self.countShift &- 1)) << Page.shift)
    }
    @inline(__always) var size: UInt64 { (word >> Self.countShift) << Page.shift }
    @inline(__always) var end: GuestAddress { address + size }
    @inline(__always) func longer(by bytes: UInt64) -> UInt64 {
        word &+ (bytes >> Page.shift) << Self.countShift
    }
    @inline(__always) func shorter(by bytes: UInt64) -> MappedRange {
        MappedRange(address + bytes, size: size &- min(bytes, size))
    }

    /// Returns the value that names a space in a mapping's capability: its identifier in bits 0…7, its serial number
    /// above. It is not a reference, because the space may be destroyed while the mapping's capability exists.
    @inline(__always) static func space(_ space: Ref<AddressSpace>) -> PhysicalAddress {
        PhysicalAddress(UInt64(space.pointee.identifier & 255) | space.pointee.serial << 8)
    }

    @inline(__always) static func space(of mapping: Ref<Capability>, _ board: Ref<Board>) -> Ref<AddressSpace>? {
        guard let space = board.pointee.spaces[Int(mapping.pointee.object.value & 255)],
            self.space(space) == mapping.pointee.object
        else { return nil }
        return space
    }
}
