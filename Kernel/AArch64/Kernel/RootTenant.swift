import ABI
import Hardware
import KernelCore

/// The first tenant: gets all that the kernel does not need. Its objects are the only ones that the kernel makes of
/// memory by itself; what is left becomes root's regions.
enum RootTenant {
    /// Pages for root's page tables; slots of its table.
    private static let tablePages: UInt64 = 48
    private static let slots: UInt64 = 1000

    static func create(on core: Ref<Core>) {
        var memory = BootMemory()
        let table = memory.table(slots)
        let space = memory.space(tablePages)
        mapProgram(space, &memory)
        mapImage(space)
        let thread = memory.thread(table, space)
        install(table, .capabilityTable, table.address, InitialSlot.table)
        install(table, .addressSpace, space.address, InitialSlot.space)
        install(table, .thread, thread.address, InitialSlot.thread)
        install(table, .system, PhysicalAddress(0), InitialSlot.system)
        installExtents(table)
        memory.installRegions(table)
        EntenteKernel.start(core, thread)
    }

    private static func install(
        _ table: Ref<CapabilityTable>, _ kind: ObjectKind, _ object: PhysicalAddress, _ slot: UInt32,
        size: UInt64 = 0, rights: Rights = .all, isDevice: Bool = false
    ) {
        EntenteKernel.install(
            Capability(kind: kind, rights: rights, isDevice: isDevice, object: object, word: size), in: table, slot)
    }

    private static func installExtents(_ table: Ref<CapabilityTable>) {
        let board = BootImage.header.pointee.board
        install(
            table, .extent, PhysicalAddress(board.devices.base), InitialSlot.devices, size: board.devices.size,
            rights: Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue | Rights.manage.rawValue),
            isDevice: true)
        install(
            table, .extent, BootImage.address, InitialSlot.image, size: BootImage.header.pointee.size,
            rights: Rights(rawValue: Rights.read.rawValue | Rights.execute.rawValue | Rights.manage.rawValue))
    }

    /// Read-only segments lie in the image; the writable one and the stack get memory of their own.
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

    /// Like the image's physical address modulo 2 MiB.
    static var imageAddress: UInt64 { ComponentLayout.bootImage &+ BootImage.address.value & 0x1F_FFFF }

    private static func map(
        _ space: Ref<AddressSpace>, _ physical: PhysicalAddress, _ address: UInt64, _ size: UInt64, _ rights: Rights
    ) {
        guard EntenteKernel.mapAtStart(space, physical, GuestAddress(address), size, rights) else {
            panic("root does not fit its page tables; address", address)
        }
    }
}

/// RAM that is nobody's yet: the largest range without kernel and image. The kernel takes root's objects from its start.
private struct BootMemory {
    private var next: PhysicalAddress
    private let end: PhysicalAddress

    init() {
        let kernel = MemoryRange(
            base: address_of_kernel_start(), size: BootImage.end.value &- address_of_kernel_start())
        var best = MemoryRange(base: 0, size: 0)
        for index in 0..<4 {
            let ram = BootImage.header.pointee.board.ram[index]
            let below = kernel.base > ram.base ? min(kernel.base &- ram.base, ram.size) : 0
            let upper = max(kernel.base &+ kernel.size, ram.base)
            let above = ram.base &+ ram.size > upper ? ram.base &+ ram.size &- upper : 0
            if below > best.size { best = MemoryRange(base: ram.base, size: below) }
            if above > best.size { best = MemoryRange(base: upper, size: above) }
        }
        next = PhysicalAddress(Page.roundUp(best.base))
        end = PhysicalAddress((best.base &+ best.size) & ~(Page.size &- 1))
    }

    mutating func take(_ size: UInt64) -> PhysicalAddress {
        let address = next
        next = next + Page.roundUp(size)
        if next > end { panic("not enough RAM to start; bytes", size) }
        return address
    }

    mutating func table(_ count: UInt64) -> Ref<CapabilityTable> {
        let size = CapabilityTable.headerSize &+ count &* CapabilityTable.slotSize
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

    /// Root's first thread with its scheduling context: most urgent but for drivers, on core 0.
    mutating func thread(_ table: Ref<CapabilityTable>, _ space: Ref<AddressSpace>) -> Ref<ExecutionContext> {
        let address = take(Page.size)
        AArch64.zero(address, size: Page.size)
        let thread = Ref<ExecutionContext>(at: address)
        let scheduling = Ref<SchedulingContext>(at: address + ExecutionContext.size)
        AArch64.resetRegisters(thread)
        scheduling.pointee.priority = 30
        scheduling.pointee.slice = Ticks(SchedulingContext.defaultSlice)
        scheduling.pointee.context = thread
        thread.pointee.space = space
        thread.pointee.table = table
        thread.pointee.home = scheduling
        thread.pointee.isConfigured = true
        thread.pointee.frame.programCounter = BootImage.header.pointee.root.entry
        thread.pointee.frame.stackPointer = ComponentLayout.stackTop
        thread.pointee.frame.x[1] = RootTenant.imageAddress
        return thread
    }

    /// The rest is root's to turn into objects.
    mutating func installRegions(_ table: Ref<CapabilityTable>) {
        let region = Ref<Region>(at: take(Page.size))
        region.pointee.next = next
        region.pointee.end = end
        EntenteKernel.install(
            Capability(kind: .region, rights: .all, isDevice: false, object: region.address, word: 0), in: table,
            InitialSlot.firstRegion)
    }
}
