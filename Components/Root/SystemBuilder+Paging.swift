import ABI
import Entente
import Supervision

// Components whose file another component pages in. The pager's portal is the client's fault portal; the pager has the client's
// space, its file, and its own memory as an extent.
extension SystemBuilder {
    /// Returns the portal for a thread's faults, which leads to its pager. Without a pager there is none (0), so that a
    /// fault stops the thread, and root reads its record.
    mutating func faultPortal(of index: Int, thread number: Int) -> UInt32 {
        let record = BootTable.tenant(index)
        guard number == 0, let pager = record.pager else { return 0 }
        let slot = takeSlot(for: index)
        derive(tenants[pager].portal, into: InitialSlot.table, slot, badge: Paging.faultBadge | SystemBuilder.clientNumber(of: index))
        return slot
    }

    /// Each side's part, whichever lives first: a client hands its space to its pager; a pager gets those of its clients.
    mutating func connectPaging(of index: Int) {
        if let pager = BootTable.tenant(index).pager, tenants[pager].isAlive, tenants[pager].table != 0 {
            handSpace(of: index, to: pager)
        }
        guard BootTable.isPager(index) else { return }
        derive(tenants[index].heap, into: tenants[index].table, InitialSlot.frames)
        for client in 0..<SystemBuilder.tenantCount where BootTable.tenant(client).pager == index {
            let record = BootTable.tenant(client).paging
            mapOwn(
                index, InitialSlot.image, Paging.files + SystemBuilder.clientNumber(of: client) * Paging.fileStride,
                offset: record.offset, size: (record.size + 4095) & ~4095, .readOnly)
            // At the start a client that comes later hands its space over itself.
            if tenants[client].isAlive, client != index { handSpace(of: client, to: index) }
        }
    }

    /// The pager's last capability to a space of this client went with that space.
    private func handSpace(of client: Int, to pager: Int) {
        let slot = InitialSlot.firstPagedSpace + UInt32(SystemBuilder.clientNumber(of: client))
        // Already there when both are connected at the start.
        _ = invoke(
            .derive, Selector(slot: tenants[client].space),
            Words(UInt64(tenants[pager].table), UInt64(slot), UInt64(Rights.write.rawValue)))
    }

    /// A client's number among those of its pager.
    static func clientNumber(of index: Int) -> UInt64 {
        var number: UInt64 = 0
        for earlier in 0..<index where BootTable.tenant(earlier).paging.pager == BootTable.tenant(index).paging.pager {
            number += 1
        }
        return number
    }

    static func fill(_ clients: inout InlineArray<8, PagingClient>, pager index: Int) {
        for client in 0..<tenantCount where BootTable.tenant(client).pager == index {
            clients[Int(clientNumber(of: client))].size = BootTable.tenant(client).paging.size
        }
    }
}

extension BootTable {
    static func isPager(_ index: Int) -> Bool {
        for client in 0..<SystemBuilder.tenantCount where tenant(client).pager == index { return true }
        return false
    }
}

extension TenantRecord {
    /// The tenant that pages this one's file.
    var pager: Int? { paging.pager == 0 ? nil : Int(paging.pager) - 1 }
}

extension SystemBuilder {
    /// Page tables that a pager needs to see its clients' files: one for each 2 MiB, and two for where each begins.
    static func pagedFileTables(_ record: TenantRecord) -> UInt64 {
        var tables: UInt64 = record.paging.pager == 0 ? 0 : 2
        for client in 0..<tenantCount {
            let paging = BootTable.tenant(client).paging
            guard paging.pager != 0, isSame(BootTable.tenant(Int(paging.pager) - 1).name, record.name) else { continue }
            tables += 2 + paging.size >> 21
        }
        return tables
    }

    static func isSame(_ left: InlineArray<32, UInt8>, _ right: InlineArray<32, UInt8>) -> Bool {
        for index in 0..<32 where left[index] != right[index] { return false }
        return true
    }
}
