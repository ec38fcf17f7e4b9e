import ABI
import Entente

/// The plan of the system, as the image holds it. The host tool has checked it; every index here is below its count.
enum BootPlan {
    /// The address at which root sees the image. Root sets it before anything else.
    nonisolated(unsafe) static var address: UInt64 = 0

    /// Random bits from the boot loader, or zeros if it left none. Root sets them before anything else.
    nonisolated(unsafe) static var seed = InlineArray<4, UInt64>(repeating: 0)

    static var imageAddress: UInt64 {
        // SAFETY: written once, before root does anything else; root has one thread.
        unsafe address
    }

    static var image: ImageHeader {
        // SAFETY: the kernel mapped the image there, read-only, and checked magic and version.
        unsafe UnsafePointer<ImageHeader>(bitPattern: UInt(imageAddress)).unsafelyUnwrapped.pointee
    }

    static var header: PlanHeader { image.plan }
    static var tenantCount: Int { Int(header.tenants.count) }
    static var groupCount: Int { Int(header.groups.count) }
    static var trapCount: Int { Int(header.traps.count) }

    static func node(_ index: Int) -> PlanNode { record(header.nodes, index) }
    static func edge(_ index: Int) -> PlanEdge { record(header.edges, index) }
    static func tenant(_ index: Int) -> TenantRecord { record(header.tenants, index) }
    static func group(_ index: Int) -> GroupRecord { record(header.groups, index) }
    static func trap(_ index: Int) -> TrapRecord { record(header.traps, index) }

    /// The nodes that live as long as the system.
    static var lastingNodes: Range<Int> { 0..<Int(header.lastingNodes) }
    static var systemEdges: Range<Int> { 0..<Int(header.systemEdges) }
    /// The edges that touch the lives of two tenants.
    static var sharedEdges: Range<Int> { Int(header.firstSharedEdge)..<Int(header.edges.count) }

    private static func record<Record>(_ table: PlanTable, _ index: Int) -> Record {
        precondition(index >= 0 && index < Int(table.count), "the plan has no such record")
        let address = imageAddress + table.offset + UInt64(index * MemoryLayout<Record>.stride)
        // SAFETY: the host tool wrote `count` records there, aligned to 8, and the image is mapped for good.
        return unsafe UnsafePointer<Record>(bitPattern: UInt(address)).unsafelyUnwrapped.pointee
    }
}

extension TenantRecord {
    /// The nodes and edges of the tenant's life.
    var nodes: Range<Int> { Int(firstNode)..<Int(firstNode + nodeCount) }
    var edges: Range<Int> { Int(firstEdge)..<Int(firstEdge + edgeCount) }
    var slots: Range<UInt32> { UInt32(firstSlot)..<UInt32(firstSlot + slotCount) }
}
