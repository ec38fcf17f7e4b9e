import ABI

// Creation of objects in the memory of regions. All functions require the lock of `exclusively`.
//
// `Kernel.operate` calls `create`. Memory/Region.swift chooses the memory and zeroes it.

extension Kernel {
    /// Performs `create`: makes an object in the memory of a region.
    ///
    /// `x1` is the region, and its form the `ObjectKind`; `x2` is a parameter, `x3` a free slot of the caller's table
    /// and `x4` the alignment of an extent (a power of two, at least 4 KiB). Returns in `x2` the bytes that the
    /// object took, alignment included.
    ///
    /// The meaning of the parameter depends on the kind; other kinds ignore it:
    /// - table: the number of slots
    /// - space: the number of pages for page tables, and `KernelLimits.doorbellTable` for a table of doorbells
    /// - extent, region: the size in bytes
    /// - portal: the thread to which it leads, which must be configured, or 0
    /// - scheduling context: the core, with the priority from bit 8 on
    ///
    /// Memory that another owner had before is zeroed in pieces (`again`). Extents of memory that no tenant had
    /// before are not zeroed.
    static func create(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let source = try findNode(caller, UInt64(selector.slot), .region, .manage)
        let parameter = caller.pointee.frame.x[2]
        guard selector.form <= 255, let kind = ObjectKind(rawValue: UInt8(truncatingIfNeeded: selector.form)) else {
            throw .badArgument
        }
        let slot = try freeSlot(caller.pointee.table, caller.pointee.frame.x[3])
        try mayGrow(source)
        let shape = try objectShape(kind, parameter: parameter, alignment: caller.pointee.frame.x[4])
        let region = source.pointee.target(Region.self)
        let address = try place(region, shape)
        try clear(region, address, shape)
        try initialise(caller, kind, at: address, parameter: parameter)
        if kind == .region {
            Ref<Region>(at: address).pointee.dirtyEnd = min(region.pointee.dirtyEnd, address + shape.size)
        }
        let before = region.pointee.next
        region.pointee.next = address + shape.size
        publish(
            CapabilityValue(
                kind: kind, rights: .all, isDevice: false, object: address, word: kind == .extent ? parameter : 0),
            in: slot, under: source, owner: true)
        caller.pointee.frame.x[2] = region.pointee.next.value &- before.value
    }

    private static func objectShape(
        _ kind: ObjectKind, parameter: UInt64, alignment: UInt64
    ) throws(Failure) -> Shape {
        switch kind {
        case .capabilityTable:
            guard parameter > 0, parameter <= CapabilityTable.maximumCount else { throw .badArgument }
            return Shape(CapabilityTable.headerSize &+ parameter &* Capability.size)
        case .addressSpace:
            let pages = parameter & ~KernelLimits.doorbellTable
            guard pages > 0, pages <= KernelLimits.pageTables else { throw .badArgument }
            let head = AddressSpace.headerSize &+ Page.size &+ (pages == parameter ? 0 : DoorbellTable.size)
            return Shape(head &+ pages &* Page.size, alignment: Page.size, zeroed: head)
        case .thread: return Shape(ExecutionContext.size)
        case .virtualCPU: return Shape(VirtualCPU.size)
        case .portal: return Shape(Portal.size)
        case .schedulingContext: return Shape(SchedulingContext.size)
        case .notification: return Shape(Notification.size)
        case .extent:
            guard Page.isAligned(parameter), parameter > 0, parameter < 1 << 48 else { throw .badArgument }
            guard alignment >= Page.size, alignment & (alignment &- 1) == 0, alignment <= 1 << 30 else {
                throw .badArgument
            }
            return Shape(parameter, alignment: alignment, zeroed: 0)
        case .region:
            guard Page.isAligned(parameter), parameter > 0, parameter < 1 << 48 else { throw .badArgument }
            var shape = Shape(parameter, alignment: Page.size, zeroed: Region.size)
            shape.forgets = false
            return shape
        case .none, .interrupt, .system, .mapping: throw .badArgument
        }
    }

    /// Makes an object of zeroed memory. All checks that can throw precede the first change.
    private static func initialise(
        _ caller: Ref<ExecutionContext>, _ kind: ObjectKind, at address: PhysicalAddress, parameter: UInt64
    ) throws(Failure) {
        switch kind {
        case .capabilityTable:
            let table = Ref<CapabilityTable>(at: address)
            table.pointee.count = parameter
            table.pointee.slots = address + CapabilityTable.headerSize
        case .addressSpace:
            let pages = parameter & ~KernelLimits.doorbellTable
            try initialiseSpace(Ref(at: address), pages: pages, hasDoorbells: pages != parameter)
        case .region: initialiseRegion(Ref(at: address), size: parameter)
        case .thread: M.initialiseRegisters(Ref(at: address))
        case .virtualCPU:
            let context = Ref<ExecutionContext>(at: address)
            let guest = Ref<VirtualCPU>(at: address + VirtualCPU.offset)
            context.pointee.guest = guest
            guest.pointee.context = context
            M.initialiseRegisters(context)
        case .schedulingContext:
            let core = parameter & 0xFF, priority = parameter >> 8
            guard core < UInt64(M.board.pointee.coreCount), priority < 32 else { throw .badArgument }
            // The slice is not longer than the caller's own.
            var slice = SchedulingContext.defaultSlice
            if let home = caller.pointee.home, !home.pointee.isAllTime { slice = min(slice, home.pointee.slice.value) }
            try mayGive(caller, core: core, priority: priority, slice: slice)
            let scheduling = Ref<SchedulingContext>(at: address)
            scheduling.pointee.core = CoreID(UInt8(core))
            scheduling.pointee.priority = UInt8(priority)
            scheduling.pointee.slice = Ticks(slice)
        case .portal:
            guard parameter != 0 else { return }
            try bindPortal(Ref(at: address), to: findNode(caller, parameter, .thread, .manage))
        default: break
        }
    }

    /// Makes a region whose structure lies in its own memory.
    private static func initialiseRegion(_ region: Ref<Region>, size: UInt64) {
        region.pointee.start = region.address + Region.size
        region.pointee.next = region.pointee.start
        region.pointee.zeroedFrom = region.pointee.start
        region.pointee.zeroedTo = region.pointee.start
        region.pointee.end = region.address + size
    }

    /// Makes a portal lead to another thread from now on.
    static func bindPortal(_ portal: Ref<Portal>, to thread: Ref<Capability>) throws(Failure) {
        let server = thread.pointee.target(ExecutionContext.self)
        guard server.pointee.isConfigured else { throw .badState }
        try mayGrow(thread)
        erase(portal.serverBinding)
        bind(portal.serverBinding, .server, in: portal.address, to: thread)
        portal.pointee.generation = portal.pointee.generation &+ 1
        portal.pointee.server = server
    }

    /// Lays out a space: structure, root table, table of doorbells, pool of page tables.
    static func initialiseSpace(
        _ space: Ref<AddressSpace>, pages: UInt64, hasDoorbells: Bool = false
    ) throws(Failure) {
        guard let identifier = takeIdentifier() else { throw .noMemory }
        let root = space.address + AddressSpace.headerSize, end = root + Page.size
        space.pointee.root = root
        space.pointee.doorbells = hasDoorbells ? Ref(at: end) : nil
        space.pointee.poolNext = hasDoorbells ? end + DoorbellTable.size : end
        space.pointee.poolEnd = space.pointee.poolNext + pages &* Page.size
        space.pointee.identifier = identifier
        space.pointee.translation = M.makeTranslation(root: root, identifier: identifier)
        M.board.pointee.spaceCount = M.board.pointee.spaceCount &+ 1
        space.pointee.serial = M.board.pointee.spaceCount
        M.board.pointee.spaces[Int(identifier & 255)] = space
    }

    /// Takes a translation identifier that no space has, from 1…255, the range that every core supports.
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

    static func freeSlot(_ table: Ref<CapabilityTable>?, _ number: UInt64) throws(Failure) -> Ref<Capability> {
        guard number <= UInt32.max, let slot = table?.pointee.slot(UInt32(number)) else { throw .badCapability }
        guard slot.pointee.isEmpty else { throw .occupied }
        return slot
    }
}
