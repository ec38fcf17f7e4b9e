import ABI
import Entente

/// What a tenant is made of: two regions that only it uses, and a range of root's slots. To revoke what the regions hold is
/// to destroy the tenant, at once and whatever it does, and the memory and the slots are there for its next life.
struct Estate {
    /// Whole pages: spaces and extents. All else: `objects`. Apart, so that nothing is lost to alignment.
    private let pages: UInt32
    private let objects: UInt32
    var slots: SlotRange
    /// The first slot that a life takes. Those before it are kept.
    private var firstOfLife: UInt32

    init(_ demand: EstateDemand, _ memory: inout Memory) {
        slots = memory.slots.take(demand.slots)
        pages = memory.create(.region, demand.pages)
        objects = memory.create(.region, demand.objects)
        firstOfLife = slots.next
    }

    /// What has been taken so far outlives the tenant.
    mutating func beginLife() { firstOfLife = slots.next }

    /// The region of which an object is made.
    func region(for kind: ObjectKind) -> UInt32 { kind == .extent || kind == .addressSpace ? pages : objects }

    /// Destroys everything that was made since `beginLife`.
    mutating func endLife() {
        // Time and contexts first: nothing runs any more while the rest goes.
        takeBack(objects, .descendants)
        takeBack(pages, .descendants)
        // What was made of other things than the regions: mappings of the image, for example.
        for slot in firstOfLife..<slots.next { takeBack(slot, .delete) }
        slots.giveBack(from: firstOfLife)
    }
}

/// The sizes of a tenant's regions, in bytes.
struct EstateDemand {
    /// Each region's own header takes the first 64 bytes of it.
    var pages: UInt64 = 4096
    var objects: UInt64 = 64
    var slots = InitialSlot.rootSlotsPerTenant

    init(_ record: TenantRecord) {
        addSpace(tables: record.pageTables)
        for index in 0..<4 where record.program.segments[index].rights & UInt64(Rights.write.rawValue) != 0 {
            pages += record.program.segments[index].memorySize
        }
        pages += record.heapSize + ComponentLayout.configurationSize + MessagePage.size
        pages += record.coreSpread * record.program.stackSize
        objects += ObjectSize.table(slots: SystemBuilder.tableSlots) + ObjectSize.notification
        objects += record.coreSpread * (ObjectSize.thread + ObjectSize.schedulingContext)
        if record.kind == TenantKind.machine.rawValue { addMachine(record) }
        slots += SystemBuilder.regionCount(record)
        // The console driver has a mapping for each client, root included, and a clock.
        if record.kind == TenantKind.consoleDriver.rawValue {
            slots += UInt32(SystemBuilder.tenantCount + 1) + 1
            objects += ObjectSize.notification
        }
        slots += 2 * UInt32(SystemBuilder.callerCount(record))
        objects = (objects + 4095) & ~4095
    }

    private mutating func addMachine(_ record: TenantRecord) {
        addSpace(tables: record.machinePageTables)
        objects += record.coreSpread * ObjectSize.portal
        objects += record.machine.virtualCPUs * (ObjectSize.virtualCPU + ObjectSize.schedulingContext)
    }

    private mutating func addSpace(tables: UInt64) { pages += ObjectSize.addressSpace + tables * 4096 }
}

/// How much memory the kernel takes for each object (docs/abi.md, `create`).
private enum ObjectSize {
    static let thread: UInt64 = 2048
    static let virtualCPU: UInt64 = 4096
    static let portal: UInt64 = 128
    static let schedulingContext: UInt64 = 256
    static let notification: UInt64 = 256
    /// Beside its tables.
    static let addressSpace: UInt64 = 8192
    static func table(slots: UInt64) -> UInt64 { 64 + slots * 64 }
}

extension TenantRecord {
    /// Pages for the tables of the component's own space: image, stacks, configuration, console, devices and heap need about
    /// ten, and one for each 2 MiB of program and heap, and for each peer with whom it shares memory; each GiB of guest
    /// RAM one, each module two for its ends that fill no 2 MiB.
    var pageTables: UInt64 {
        var base = 15 + (paging.size >> 21) + (SystemBuilder.pagedFileTables(self)) + heapSize >> 21 + coreSpread
        base += (kind == TenantKind.machine.rawValue ? 0 : SystemBuilder.regionTables(self)) + windowCount + SystemBuilder.callerCount(self)
        for index in 0..<4 { base += program.segments[index].memorySize >> 21 }
        guard kind == TenantKind.machine.rawValue else { return base }
        var modules: UInt64 = 0
        for index in 0..<8 where machine.segments[index].size != 0 { modules += 2 }
        return base + machine.memory.size >> 30 + 1 + modules
    }

    /// Those of its machine's space.
    var machinePageTables: UInt64 { 4 + SystemBuilder.regionTables(self) + machine.memory.size >> 30 }
}
