import ABI
import Entente

/// Who may call whom, as the manifest's `uses` says.
extension SystemBuilder {
    /// Portals that lead to the servers, each with a capability for every client. The portal objects are root's, so that they
    /// could be made to lead to another thread of the server.
    mutating func connectServers(_ tenants: borrowing InlineArray<64, TenantHandles>) {
        let count = min(BootTable.tenantCount, ConsoleChannel.maximum - 2)
        var portals = InlineArray<64, UInt32>(repeating: 0)
        for index in 0..<count {
            let connections = BootTable.tenant(index).connections
            for number in 0..<Connections.maximum where connections[number].server != 0 {
                let server = Int(connections[number].server) - 1
                if portals[server] == 0 { portals[server] = memory.create(.portal, UInt64(tenants[server].threads[0])) }
                // The badge tells the server who calls. No more than `write`: the client cannot pass it on.
                derive(
                    portals[server], into: tenants[index].table, InitialSlot.firstConnection + UInt32(number),
                    rights: .write, badge: UInt64(index + 1))
            }
        }
    }

    /// The names, for the component to find its portals by.
    func fill(_ connections: inout InlineArray<8, Connection>, _ record: TenantRecord) {
        for number in 0..<Connections.maximum where record.connections[number].server != 0 {
            connections[number].name = record.connections[number].name
            connections[number].slot = UInt64(InitialSlot.firstConnection) + UInt64(number)
        }
    }

    /// The page for messages of more than six words, of the tenant's main thread.
    mutating func giveMessagePage(_ tenant: TenantHandles) {
        let page = memory.block(MessagePage.size)
        memory.release(page)
        map(tenant.space, page.extent, ComponentLayout.messagePages, size: page.size, .readWrite)
        let answer = contextControl(tenant.threads[0], .setMessagePage, Words(UInt64(page.extent), 0))
        // A kernel without message pages carries six words, and says so to whoever sends more.
        if answer.status != .ok, answer.status != .unsupported { fail("cannot set a message page", answer.status) }
    }
}
