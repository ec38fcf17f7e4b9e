import ABI
import Foundation

/// Joins the kernel, root and the tenants into the one file that the board boots.
public struct SystemImageWriter {
    public var kernel: KernelImage
    public var board: Board
    public var root: Program
    /// In start order; the first is the console driver, the only one of its kind.
    public var tenants: [Tenant]
    /// Their members are tenants and groups, by name.
    public var groups: [GroupDescription] = []
    public var onFailure = OnFailure.goOn
    /// Their ends are tenants, by name.
    public var sharedMemory: [SharedMemoryDescription] = []

    static let pageSize: UInt64 = 4096
    /// Bytes that the kernel, root, the drivers, the monitors and all page tables need beside what is counted.
    static let reserve: UInt64 = 8 << 20

    public init(kernel: KernelImage, board: Board, root: Program, tenants: [Tenant]) {
        self.kernel = kernel
        self.board = board
        self.root = root
        self.tenants = tenants
    }

    /// The file: the kernel, zeros up to `ImageHeader.alignment`, and the image.
    ///
    /// - Throws: `ImageError` when the tenants contradict one another or the board.
    public func write() throws(ImageError) -> Data {
        try check()
        let recordSize = UInt64(MemoryLayout<TenantRecord>.size)
        let tenantOffset = UInt64(MemoryLayout<ImageHeader>.size)
        let groupOffset = tenantOffset + recordSize * UInt64(tenants.count)
        let groupSize = UInt64(MemoryLayout<GroupRecord>.size)
        var contents = ImageContents(from: groupOffset + groupSize * UInt64(groups.count))
        let placedRoot = contents.place(root)
        var records = RecordEncoder()
        for tenant in tenants {
            let program = contents.place(tenant.program)
            let modules = (tenant.machine?.modules ?? []).map { contents.place($0) }
            records.tenant(tenant, program: program, modules: modules, eventPeer: eventPeer(of: tenant),
                parent: parent(of: tenant.name), servers: servers(of: tenant), paging: paging(of: tenant, &contents))
        }
        for group in groups { records.group(group, parent: parent(of: group.name)) }
        let size = contents.end.aligned(to: ImageHeader.alignment)
        try checkMemory(imageSize: size)
        var image = RecordEncoder()
        image.header(
            size: size, board: board, root: placedRoot, tenantCount: tenants.count, tenantOffset: tenantOffset,
            groupCount: groups.count, groupOffset: groupOffset, onFailure: onFailure,
            regions: try sharedMemory.map { region throws(ImageError) in try placed(region) })
        return kernel.joined(
            with: contents.joined(records: image.data + records.data), alignment: Int(ImageHeader.alignment))
    }

    private func eventPeer(of tenant: Tenant) -> Int? {
        tenant.machine?.eventPeer.flatMap { peer in tenants.firstIndex { $0.name == peer } }
    }

    private func placed(_ region: SharedMemoryDescription) throws(ImageError) -> PlacedRegion {
        let ends = region.ends.compactMap { name in tenants.firstIndex { $0.name == name && $0.kind != .consoleDriver } }
        guard ends.count == 2, ends[0] != ends[1], SharedMemoryDescription.sizes.contains(region.size),
            region.size.isMultiple(ofSize: Self.pageSize), sharedMemory.count <= SharedMemoryDescription.maximum
        else {
            throw ImageError(
                "the shared memory '\(region.name)' has no two ends, or a size that is not possible",
                remedy: "name two machines or components, and 4KiB to 16MiB")
        }
        return PlacedRegion(name: region.name, size: region.size, ends: ends)
    }

    private func parent(of name: String) -> Int? { groups.firstIndex { $0.members.contains(name) } }

    private func servers(of tenant: Tenant) -> [Int] {
        tenant.connections.compactMap { connection in tenants.firstIndex { $0.name == connection.server } }
    }

    private func paging(of tenant: Tenant, _ contents: inout ImageContents) -> PlacedFile? {
        guard let paged = tenant.paged, let pager = tenants.firstIndex(where: { $0.name == paged.pager }) else { return nil }
        return PlacedFile(pager: pager, offset: contents.place(paged.file), size: UInt64(paged.file.count))
    }

    /// The board's memory against everything that lies in it.
    private func checkMemory(imageSize: UInt64) throws(ImageError) {
        let available = board.ram.reduce(0) { $0 + $1.size }
        let tenantMemory = tenants.reduce(0) { sum, tenant in
            sum + tenant.heapSize + sharedMemory(of: tenant) + tenant.program.memorySize
                + Program.beyondDefaultStack(tenant.program.stackSize)
                + (tenant.machine?.memory.size ?? 0)
        }
        let regions = sharedMemory.reduce(0) { $0 + $1.size }
        let needed = tenantMemory + regions + imageSize + UInt64(kernel.flat.count) + Self.reserve
        guard needed <= available else {
            throw ImageError(
                "machines and components (\(rounded(tenantMemory))), the image with their files (\(rounded(imageSize)))"
                    + " and the system itself (\(rounded(Self.reserve))) need \(rounded(needed)), but the board has "
                    + "\(rounded(available))",
                remedy: "give the board more 'memory', or the machines less")
        }
    }

    /// Returns how much a tenant shares with its servers: memory with each of them, and a page for the lives of both.
    private func sharedMemory(of tenant: Tenant) -> UInt64 {
        guard tenant.sharedSize > 0 else { return 0 }
        return UInt64(Set(tenant.connections.map(\.server)).count) * (tenant.sharedSize + ComponentLayout.livesSize)
    }

    private func rounded(_ bytes: UInt64) -> String { "\(bytes.aligned(to: 1 << 20) >> 20)MiB" }
}

/// The bytes behind the records, each at a multiple of 4 KiB. The same bytes are laid down once.
struct ImageContents {
    private var pieces: [(offset: UInt64, data: Data)] = []
    private var places: [Data: UInt64] = [:]
    private(set) var end: UInt64

    init(from start: UInt64) { end = start }

    mutating func place(_ data: Data) -> UInt64 {
        guard !data.isEmpty else { return 0 }
        if let offset = places[data] { return offset }
        let offset = end.aligned(to: SystemImageWriter.pageSize)
        pieces.append((offset, data))
        places[data] = offset
        end = (offset + UInt64(data.count)).aligned(to: SystemImageWriter.pageSize)
        return offset
    }

    mutating func place(_ program: Program) -> PlacedProgram {
        PlacedProgram(program: program, offsets: program.segments.map { place($0.imageData) })
    }

    mutating func place(_ module: GuestImage.Module) -> PlacedModule {
        PlacedModule(offset: place(module.data), size: UInt64(module.data.count), address: module.address)
    }

    func joined(records: Data) -> Data {
        var joined = records
        joined.reserveCapacity(Int(end))
        for piece in pieces {
            joined.padWithZeros(to: Int(piece.offset))
            joined.append(piece.data)
        }
        joined.padWithZeros(to: Int(end))
        return joined
    }
}

/// A file that tenant `pager` pages in for another.
struct PlacedFile {
    var pager: Int
    var offset: UInt64
    var size: UInt64
}
