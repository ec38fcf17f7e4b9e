import ABI
import Entente

/// The image's table, as root sees it.
enum BootTable {
    /// Where root sees the image; set before anything else.
    nonisolated(unsafe) static var address: UInt64 = 0

    /// Random bits of the boot loader's; zeros when it left none. Set before anything else.
    nonisolated(unsafe) static var seed = InlineArray<4, UInt64>(repeating: 0)

    static var header: ImageHeader {
        // SAFETY: the kernel mapped the image there, read-only, and checked magic and version.
        unsafe UnsafePointer<ImageHeader>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
    }

    static var tenantCount: Int { Int(header.tenantCount) }

    /// The record of tenant `index`, which must be below `tenantCount`.
    static func tenant(_ index: Int) -> TenantRecord {
        // SAFETY: written once, before root has a second thread.
        let address = unsafe address + header.tenantOffset + UInt64(index * MemoryLayout<TenantRecord>.stride)
        // SAFETY: the host tool wrote `tenantCount` records there, aligned to 8.
        return unsafe UnsafePointer<TenantRecord>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
    }

    static var groupCount: Int { Int(header.groupCount) }

    /// The record of group `index`, which must be below `groupCount`.
    static func group(_ index: Int) -> GroupRecord {
        let address = imageAddress + header.groupOffset + UInt64(index * MemoryLayout<GroupRecord>.stride)
        // SAFETY: the host tool wrote `groupCount` records there, aligned to 8.
        return unsafe UnsafePointer<GroupRecord>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
    }

    /// The cores of the board that are numbered below this.
    static var coreCount: UInt64 { header.board.coreCount }
}

extension BootTable {
    static var imageAddress: UInt64 {
        // SAFETY: written once, before root has a second thread.
        unsafe address
    }
}

/// Where a monitor sees the pieces of the image that it loads: each at an address that is like its physical one modulo
/// 2 MiB, so that large page table entries serve.
struct ModulePlacement {
    private var next = ComponentLayout.modules

    mutating func place(_ segment: GuestSegment) -> UInt64 {
        let large: UInt64 = 1 << 21
        let address = next + (BootTable.imageAddress + segment.offset) % large
        next = (address + segment.size + 2 * large - 1) & ~(large - 1)
        return address
    }
}

extension TenantRecord {
    /// The core of a machine's virtual CPU, or of a component's only thread (0).
    func core(of number: UInt64) -> UInt64 { (core + number) % BootTable.coreCount }

    /// How many cores the tenant uses.
    var coreSpread: UInt64 {
        kind == TenantKind.machine.rawValue ? min(machine.virtualCPUs, BootTable.coreCount) : 1
    }

    /// The number of the thread that serves a core.
    func thread(on core: UInt64) -> UInt64 { (core + BootTable.coreCount - self.core) % BootTable.coreCount }
}
