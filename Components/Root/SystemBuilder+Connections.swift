import ABI
import Entente
import Supervision

/// Who may call whom, as the manifest's `uses` says.
extension SystemBuilder {
    /// What the tenant may call: a capability to each of its servers' portals. The portals are root's and outlive the servers, so
    /// that a server's next life is called through the same ones.
    func connectServers(of index: Int) {
        let connections = BootTable.tenant(index).connections
        for number in 0..<Connections.maximum where connections[number].server != 0 {
            // The badge tells the server who calls. No more than `write`: the client cannot pass it on.
            derive(
                tenants[Int(connections[number].server) - 1].portal, into: tenants[index].table,
                InitialSlot.firstConnection + UInt32(number), rights: .write, badge: UInt64(index + 1))
        }
    }

    /// The names, for the component to find its portals by.
    static func fill(_ connections: inout InlineArray<8, Connection>, _ record: TenantRecord) {
        for number in 0..<Connections.maximum where record.connections[number].server != 0 {
            connections[number].name = record.connections[number].name
            connections[number].slot = UInt64(InitialSlot.firstConnection) + UInt64(number)
            connections[number].server = record.connections[number].server
            connections[number].window = UInt64(record.window(of: number))
        }
    }

    /// The page for messages of more than six words, of the tenant's main thread.
    mutating func giveMessagePage(_ index: Int) {
        let page = clearedExtent(MessagePage.size, for: index)
        mapOwn(index, page, ComponentLayout.messagePages, size: MessagePage.size, .readWrite)
        require(
            contextControl(tenants[index].threads[0], .setMessagePage, Words(UInt64(page), 0)), "cannot set a message page")
    }
}
