import ABI
import Foundation

// A component may have a file that another component, its pager, brings into memory page by page. The pager's portal
// is the client's fault portal. The pager has the client's space, its file, and its own memory as an extent.
extension PlanBuilder {
    private func pager(of index: Int) -> Int? {
        guard let name = tenants[index].paged?.pager else { return nil }
        return tenants.firstIndex { $0.name == name }
    }

    /// Returns the size of a tenant's heap. A pager has none, because it uses its memory for frames.
    func heapSize(of index: Int) -> UInt64 { clients(of: index).isEmpty ? tenants[index].heapSize : 0 }

    private func clients(of pager: Int) -> [Int] { tenants.indices.filter { self.pager(of: $0) == pager } }

    /// Adds the portal for a tenant's faults, and returns its slot in root's table. Returns 0 for a tenant without a
    /// pager: a fault then stops the thread, and root reads the fault's record.
    mutating func addFaultPortal(_ index: Int) -> UInt32 {
        guard let pager = pager(of: index), let number = clients(of: pager).firstIndex(of: index) else { return 0 }
        return addRootCapability(
            plan.tenants[pager].parts.portal, badge: Paging.faultBadge | UInt64(number), .paging, of: index)
    }

    mutating func addPaging(_ index: Int) {
        addFile(index)
        let clients = clients(of: index)
        guard !clients.isEmpty else { return }
        let parts = plan.tenants[index].parts
        let size = tenants[index].heapSize
        if size > 0 {
            let address = address(of: index, size: size)
            let offset = privateMemory(of: index, at: address, size: size, .readWrite, .paging)
            let (frames, count) = (slot(of: index), min(size >> 12, Paging.maximumFrames))
            add(
                .capability(parts.memory, table: parts.table, slot: frames, .all, badge: offset, size: size), .paging,
                of: index)
            add(
                NamedResource(
                    name: "frames", kind: .frames, slot: frames, address: address, size: size,
                    number: UInt64(slot(of: index, count: UInt32(Paging.maximumFrames))), detail: count), of: index)
        }
        for (number, client) in clients.enumerated() { addClient(client, number, of: index) }
    }

    /// Reserves the place of a client's file in its own space, into which the pager maps it.
    private mutating func addFile(_ index: Int) {
        guard let paged = tenants[index].paged, pager(of: index) != nil else { return }
        let size = UInt64(paged.file.count)
        let address = fileAddress(of: index)
        reservations[plan.tenants[index].parts.space, default: []]
            .append(MappedRange(address: address, size: size.aligned(to: 4096)))
        add(NamedResource(name: "file", kind: .file, address: address, size: size), of: index)
    }

    private mutating func fileAddress(of index: Int) -> UInt64 {
        if let known = usage[index].fileAddress { return known }
        let size = UInt64(tenants[index].paged?.file.count ?? 0).aligned(to: 4096)
        // The page tables of this range have no other use.
        let address = address(of: index, size: size, residue: 0)
        usage[index].fileAddress = address
        return address
    }

    private mutating func addClient(_ client: Int, _ number: Int, of pager: Int) {
        guard let file = tenants[client].paged?.file else { return }
        let parts = plan.tenants[pager].parts
        let image = contents.place(file)
        let size = UInt64(file.count).aligned(to: 4096)
        let address = address(of: pager, size: size, residue: (imageResidue + image) % (1 << 21))
        let slot = slot(of: pager)
        add(
            .map(root.image, space: parts.space, address: address, offset: image, size: size, .read), .paging, of: pager
        )
        add(
            .capability(plan.tenants[client].parts.space, table: parts.table, slot: slot, .write), .paging, of: pager,
            with: client)
        add(
            NamedResource(
                name: tenants[client].name, kind: .pagedClient, slot: slot, address: address, size: UInt64(file.count),
                number: UInt64(number), detail: fileAddress(of: client)), of: pager)
    }
}
