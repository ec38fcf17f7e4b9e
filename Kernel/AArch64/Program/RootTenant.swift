import ABI
import AArch64Support
import KernelCore

/// The first tenant, which gets all memory and devices that the kernel does not need.
///
/// Its objects are the only ones that the kernel makes by itself. The remaining memory becomes root's regions.
/// `kernelMain` (Start.swift) calls `create`; Components/Root continues.
enum RootTenant {
    private static var slots: UInt64 { BootImage.header.pointee.plan.rootSlots }

    static func create(on core: Ref<Core>, seed: InlineArray<4, UInt64>) {
        var memory = BootMemory()
        let table = memory.table(slots)
        let space = memory.space(RootSlot.rootPageTables)
        AArch64.board.pointee.idleTranslation = space.pointee.translation
        mapProgram(space, &memory)
        mapImage(space)
        let thread = memory.thread(table, space)
        for index in 0..<4 { thread.pointee.frame.x[2 &+ index] = seed[index] }
        install(table, .capabilityTable, table.address, InitialSlot.table)
        install(table, .addressSpace, space.address, InitialSlot.space)
        install(table, .thread, thread.address, InitialSlot.thread)
        if let time = thread.pointee.home { install(table, .schedulingContext, time.address, RootSlot.time) }
        install(table, .system, PhysicalAddress(0), RootSlot.system)
        installExtents(table)
        memory.installRegions(table)
        EntenteKernel.start(core, thread)
    }

    private static func install(
        _ table: Ref<CapabilityTable>, _ kind: ObjectKind, _ object: PhysicalAddress, _ slot: UInt32,
        size: UInt64 = 0, rights: Rights = .all, isDevice: Bool = false
    ) {
        EntenteKernel.install(
            CapabilityValue(kind: kind, rights: rights, isDevice: isDevice, object: object, word: size), in: table, slot
        )
    }

    private static func installExtents(_ table: Ref<CapabilityTable>) {
        let board = BootImage.header.pointee.board
        install(
            table, .extent, PhysicalAddress(board.devices.base), RootSlot.devices, size: board.devices.size,
            rights: Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue | Rights.manage.rawValue),
            isDevice: true)
        install(
            table, .extent, BootImage.address, RootSlot.image, size: BootImage.header.pointee.size,
            rights: Rights(rawValue: Rights.read.rawValue | Rights.execute.rawValue | Rights.manage.rawValue))
    }

    /// Maps root's program. Read-only segments stay in the image; the writable one and the stack get memory of their
    /// own.
    private static func mapProgram(_ space: Ref<AddressSpace>, _ memory: inout BootMemory) {
        let program = BootImage.header.pointee.root
        for index in 0..<4 {
            let segment = program.segments[index]
            if segment.memorySize == 0 { continue }
            let rights = Rights(rawValue: UInt8(truncatingIfNeeded: segment.rights))
            var source = BootImage.address + segment.offset
            if rights.contains(.write) {
                let copy = memory.take(segment.memorySize)
                AArch64.zero(copy, size: segment.memorySize)
                copyWords(from: source, to: copy, size: segment.fileSize)
                source = copy
            }
            map(space, source, segment.address, segment.memorySize, rights)
        }
        let stack = memory.take(program.stackSize)
        AArch64.zero(stack, size: program.stackSize)
        map(space, stack, ComponentLayout.stackTop &- program.stackSize, program.stackSize, .readWrite)
    }

    private static func copyWords(from: PhysicalAddress, to: PhysicalAddress, size: UInt64) {
        var offset: UInt64 = 0
        while offset < size {
            memory_write64(to.value &+ offset, memory_read64(from.value &+ offset))
            offset &+= 8
        }
    }

    private static func mapImage(_ space: Ref<AddressSpace>) {
        map(space, BootImage.address, imageAddress, BootImage.header.pointee.size, .readOnly)
    }

    /// The address at which root finds the image. It equals the physical address modulo 2 MiB.
    static var imageAddress: UInt64 { ComponentLayout.bootImage &+ BootImage.address.value & 0x1F_FFFF }

    private static func map(
        _ space: Ref<AddressSpace>, _ physical: PhysicalAddress, _ address: UInt64, _ size: UInt64, _ rights: Rights
    ) {
        guard EntenteKernel.mapAtStart(space, physical, GuestAddress(address), size, rights) else {
            panic("root does not fit its page tables; address", address)
        }
    }
}

/// RAM that no tenant has yet. The kernel takes root's objects from the start of the largest piece.
private struct BootMemory {
    private var next: PhysicalAddress
    private let end: PhysicalAddress
    /// The other pieces: the RAM below and above the kernel and the image.
    private var others = InlineArray<8, MemoryRange>(repeating: MemoryRange(base: 0, size: 0))

    init() {
        let kernel = MemoryRange(
            base: address_of_kernel_start(), size: BootImage.end.value &- address_of_kernel_start())
        var best = 0
        for index in 0..<4 {
            let ram = BootImage.header.pointee.board.ram[index]
            let ramEnd = ram.base &+ ram.size
            let below = min(max(kernel.base, ram.base), ramEnd)
            let above = min(max(kernel.base &+ kernel.size, ram.base), ramEnd)
            others[2 &* index] = Self.pages(ram.base, below)
            others[2 &* index &+ 1] = Self.pages(max(above, below), ramEnd)
        }
        for index in 1..<8 where others[index].size > others[best].size { best = index }
        next = PhysicalAddress(others[best].base)
        end = PhysicalAddress(others[best].base &+ others[best].size)
        others[best].size = 0
    }

    /// Returns the whole pages of a range.
    private static func pages(_ start: UInt64, _ end: UInt64) -> MemoryRange {
        let base = Page.roundUp(start)
        let limit = end & ~(Page.size &- 1)
        return MemoryRange(base: base, size: limit > base ? limit &- base : 0)
    }

    mutating func take(_ size: UInt64) -> PhysicalAddress {
        let address = next
        next = next + Page.roundUp(size)
        if next > end { panic("not enough RAM to start; bytes", size) }
        return address
    }

    mutating func table(_ count: UInt64) -> Ref<CapabilityTable> {
        let size = CapabilityTable.headerSize &+ count &* Capability.size
        let address = take(size)
        AArch64.zero(address, size: size)
        let table = Ref<CapabilityTable>(at: address)
        table.pointee.count = count
        table.pointee.slots = address + CapabilityTable.headerSize
        return table
    }

    mutating func space(_ pages: UInt64) -> Ref<AddressSpace> {
        let address = take(AddressSpace.headerSize &+ (pages &+ 1) &* Page.size)
        AArch64.zero(address, size: AddressSpace.headerSize &+ Page.size)
        let space = Ref<AddressSpace>(at: address)
        EntenteKernel.initialiseAtStart(space, pages: pages)
        return space
    }

    /// Makes root's first thread with its scheduling context, on core 0. Only drivers are more urgent.
    mutating func thread(_ table: Ref<CapabilityTable>, _ space: Ref<AddressSpace>) -> Ref<ExecutionContext> {
        let address = take(Page.size)
        AArch64.zero(address, size: Page.size)
        let thread = Ref<ExecutionContext>(at: address)
        let scheduling = Ref<SchedulingContext>(at: address + ExecutionContext.size)
        AArch64.initialiseRegisters(thread)
        scheduling.pointee.priority = UInt8(truncatingIfNeeded: RootTime.priority)
        scheduling.pointee.isAllTime = true
        scheduling.pointee.slice = Ticks(SchedulingContext.defaultSlice)
        scheduling.pointee.context = thread
        thread.pointee.space = space
        thread.pointee.table = table
        thread.pointee.home = scheduling
        thread.pointee.isConfigured = true
        thread.pointee.isPlaced = true
        thread.pointee.frame.programCounter = BootImage.header.pointee.root.entry
        thread.pointee.frame.stackPointer = ComponentLayout.stackTop
        thread.pointee.frame.x[1] = RootTenant.imageAddress
        return thread
    }

    /// Gives root the rest as regions: the largest piece from a multiple of 2 MiB on, the memory before that, and the
    /// other pieces.
    mutating func installRegions(_ table: Ref<CapabilityTable>) {
        let regions = take(Page.size)
        let large: UInt64 = 1 << 21
        let aligned = min((next.value &+ large &- 1) & ~(large &- 1), end.value)
        var count: UInt64 = 0
        func install(_ base: UInt64, _ limit: UInt64) {
            guard limit > base, count < UInt64(RootSlot.regionCount) else { return }
            let region = Ref<Region>(at: regions + count &* Region.size)
            EntenteKernel.initialiseAtStart(region, from: PhysicalAddress(base), to: PhysicalAddress(limit))
            EntenteKernel.install(
                CapabilityValue(kind: .region, rights: .all, isDevice: false, object: region.address, word: 0),
                in: table,
                RootSlot.firstRegion &+ UInt32(count))
            count &+= 1
        }
        install(aligned, end.value)
        install(next.value, aligned)
        for index in 0..<8 { install(others[index].base, others[index].base &+ others[index].size) }
    }
}
