import ABI
import Entente

/// The image's table, as root sees it.
enum BootTable {
    static var header: ImageHeader {
        // SAFETY: the kernel mapped the image there, read-only, and checked magic and version.
        unsafe UnsafePointer<ImageHeader>(bitPattern: UInt(ComponentLayout.bootImage)).unsafelyUnwrapped.pointee
    }

    static var tenantCount: Int { Int(header.tenantCount) }

    /// The record of tenant `index`, which must be below `tenantCount`.
    static func tenant(_ index: Int) -> TenantRecord {
        let address = ComponentLayout.bootImage + header.tenantOffset + UInt64(index * MemoryLayout<TenantRecord>.stride)
        // SAFETY: the host tool wrote `tenantCount` records there, aligned to 8.
        return unsafe UnsafePointer<TenantRecord>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
    }

    /// The cores of the board that are numbered below this.
    static var coreCount: UInt64 { header.board.coreCount }
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
