import ABI

// Objects out of regions, and capabilities out of capabilities.

/// Donated RAM that is turned into objects and extents, from its start to its end.
public struct Region: ~Copyable {
    public var next: PhysicalAddress
    public var end: PhysicalAddress
    public static let size: UInt64 = 64
}

extension Kernel {
    /// `create`: `x1` region, form `ObjectKind`; `x2` parameter, `x3` free slot of the caller's table, `x4` alignment
    /// (extents: a power of two, at least 4 KiB). Back: `x2` bytes that the object took, alignment included.
    ///
    /// The parameter is: a table's slots; a space's pages for tables; an extent's or a smaller region's bytes; the thread that a portal leads
    /// to, which must be configured; else unused. Memory of objects
    /// is zeroed here; extents come as they are, and whoever hands them on zeroes them.
    static func create(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let source = try find(caller, selector, .region, .manage)
        let frame = caller.pointee.frame
        guard selector.form <= 255, let kind = ObjectKind(rawValue: UInt8(truncatingIfNeeded: selector.form)) else {
            throw .badArgument
        }
        let slot = try freeSlot(caller.pointee.table, frame.x[3])
        let shape = try objectShape(kind, parameter: frame.x[2], alignment: frame.x[4])
        let region = source.pointee.target(Region.self)
        let before = region.pointee.next
        let address = try take(region, shape)
        do throws(Failure) {
            try initialise(caller, kind, at: address, shape, parameter: frame.x[2])
        } catch {
            region.pointee.next = before
            throw error
        }
        publish(
            Capability(
                kind: kind, rights: .all, isDevice: false, object: address, word: kind == .extent ? frame.x[2] : 0),
            in: slot, under: source)
        caller.pointee.frame.x[2] = region.pointee.next.value &- before.value
    }

    private struct Shape {
        var size: UInt64
        var alignment: UInt64
        /// How much of it the kernel zeroes now: the bound on the entry's work.
        var zeroed: UInt64
    }

    private static func objectShape(
        _ kind: ObjectKind, parameter: UInt64, alignment: UInt64
    ) throws(Failure) -> Shape {
        switch kind {
        case .capabilityTable:
            guard parameter > 0, parameter <= CapabilityTable.maximumCount else { throw .badArgument }
            let size = CapabilityTable.headerSize &+ parameter &* CapabilityTable.slotSize
            return Shape(size: size, alignment: 64, zeroed: size)
        case .addressSpace:
            guard parameter > 0, parameter <= 4096 else { throw .badArgument }
            let head = AddressSpace.headerSize &+ Page.size
            return Shape(size: head &+ parameter &* Page.size, alignment: Page.size, zeroed: head)
        case .thread: return Shape(size: ExecutionContext.size, alignment: 64, zeroed: ExecutionContext.size)
        case .virtualCPU: return Shape(size: VirtualCPU.size, alignment: 64, zeroed: VirtualCPU.size)
        case .portal: return Shape(size: Portal.size, alignment: 64, zeroed: Portal.size)
        case .schedulingContext:
            return Shape(size: SchedulingContext.size, alignment: 64, zeroed: SchedulingContext.size)
        case .notification: return Shape(size: Notification.size, alignment: 64, zeroed: Notification.size)
        case .extent:
            guard Page.isAligned(parameter), parameter > 0, parameter < 1 << 48 else { throw .badArgument }
            guard alignment >= Page.size, alignment & (alignment &- 1) == 0, alignment <= 1 << 30 else {
                throw .badArgument
            }
            return Shape(size: parameter, alignment: alignment, zeroed: 0)
        case .region:
            guard Page.isAligned(parameter), parameter > 0, parameter < 1 << 48 else { throw .badArgument }
            return Shape(size: parameter, alignment: Page.size, zeroed: Region.size)
        case .none, .interrupt, .system, .mapping: throw .badArgument
        }
    }

    private static func take(_ region: Ref<Region>, _ shape: Shape) throws(Failure) -> PhysicalAddress {
        let start = (region.pointee.next.value &+ shape.alignment &- 1) & ~(shape.alignment &- 1)
        guard start >= region.pointee.next.value, start <= region.pointee.end.value,
            shape.size <= region.pointee.end.value &- start
        else { throw .noMemory }
        region.pointee.next = PhysicalAddress(start &+ shape.size)
        return PhysicalAddress(start)
    }

    private static func initialise(
        _ caller: Ref<ExecutionContext>, _ kind: ObjectKind, at address: PhysicalAddress, _ shape: Shape, parameter: UInt64
    ) throws(Failure) {
        M.zero(address, size: shape.zeroed)
        switch kind {
        case .capabilityTable:
            let table = Ref<CapabilityTable>(at: address)
            table.pointee.count = parameter
            table.pointee.slots = address + CapabilityTable.headerSize
        case .addressSpace: try initialiseSpace(Ref(at: address), pages: parameter)
        case .region:
            let region = Ref<Region>(at: address)
            region.pointee.next = address + Region.size
            region.pointee.end = address + parameter
        case .thread: M.resetRegisters(Ref(at: address))
        case .virtualCPU:
            let context = Ref<ExecutionContext>(at: address)
            let guest = Ref<VirtualCPU>(at: address + VirtualCPU.offset)
            context.pointee.guest = guest
            guest.pointee.context = context
            M.resetRegisters(context)
        case .schedulingContext:
            let scheduling = Ref<SchedulingContext>(at: address)
            scheduling.pointee.slice = Ticks(SchedulingContext.defaultSlice)
        case .portal:
            let thread = try findSlot(caller, parameter, .thread, .manage).pointee.target(ExecutionContext.self)
            guard thread.pointee.isConfigured else { throw .badState }
            Ref<Portal>(at: address).pointee.server = thread
        // All-zero bits would be a thread at address 0: cases with a payload come first in memory.
        case .notification: Ref<Notification>(at: address).pointee.sink = .nobody
        default: break
        }
    }

    /// Lays out a space: structure, root table, pool.
    static func initialiseSpace(_ space: Ref<AddressSpace>, pages: UInt64) throws(Failure) {
        guard let identifier = takeIdentifier() else { throw .noMemory }
        let root = space.address + AddressSpace.headerSize
        space.pointee.root = root
        space.pointee.poolNext = root + Page.size
        space.pointee.poolEnd = root + Page.size &* (pages &+ 1)
        space.pointee.identifier = identifier
        space.pointee.translation = M.makeTranslation(root: root, identifier: identifier)
    }

    /// A VMID that no space has: 1…255, the range that every core has.
    private static func takeIdentifier() -> UInt16? {
        for word in 0..<4 {
            while true {
                let used = M.board.pointee.identifiers[word].load() | (word == 0 ? 1 : 0)
                guard used != .max else { break }
                let bit = (~used).trailingZeroBitCount
                if M.board.pointee.identifiers[word].set(1 << UInt64(bit)) & 1 << UInt64(bit) == 0 {
                    return UInt16(word &* 64 &+ bit)
                }
            }
        }
        return nil
    }

    private static func freeSlot(
        _ table: Ref<CapabilityTable>?, _ number: UInt64
    ) throws(Failure) -> Ref<Capability> {
        guard number <= UInt32.max, let slot = table?.pointee.slot(UInt32(number)) else { throw .badCapability }
        guard slot.pointee.kind == .none else { throw .occupied }
        return slot
    }

    /// `derive`: `x1` capability, `x2` table that receives, `x3` free slot there, `x4` rights to keep, `x5` badge (or an
    /// extent's offset), `x6` an extent's size (0: to its end). A badge that is set cannot be changed.
    static func derive(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        guard let source = caller.pointee.table?.pointee.slot(selector.slot), source.pointee.kind != .none else {
            throw .badCapability
        }
        guard source.pointee.kind != .region, source.pointee.rights.contains(.manage) else { throw .noRights }
        let frame = caller.pointee.frame
        let table = try findSlot(caller, frame.x[2], .capabilityTable, .write).pointee.target(CapabilityTable.self)
        let slot = try freeSlot(table, frame.x[3])
        var child = source.pointee
        child.rights = child.rights.intersection(Rights(rawValue: UInt8(truncatingIfNeeded: frame.x[4] & 15)))
        if child.kind == .extent {
            let size = frame.x[6] == 0 ? child.size &- min(frame.x[5], child.size) : frame.x[6]
            guard Page.isAligned(frame.x[5] | size), size > 0, frame.x[5] <= child.size,
                size <= child.size &- frame.x[5]
            else { throw .badArgument }
            child.object = child.object + frame.x[5]
            child.word = size
        } else if frame.x[5] != 0 {
            guard child.badge == 0 else { throw .noRights }
            child.word = frame.x[5]
        }
        child.firstChild = nil
        publish(child, in: slot, under: source)
    }
}
