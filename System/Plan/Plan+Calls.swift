import ABI

// The capabilities to call others (`uses`), and the memory for rings between client and server (`shared`). The portal
// and the memory outlive both. A client calls the server's next life through the same portal, and neither end can
// take the memory from the other.
extension PlanBuilder {
    mutating func addCalls(_ index: Int) throws(Failure) {
        var windows: [Int: NamedResource] = [:]
        for connection in tenants[index].connections {
            guard let server = tenants.firstIndex(where: { $0.name == connection.server }) else { continue }
            let slot = slot(of: index)
            // The badge identifies the client to the server. The right `write` alone keeps the client from passing
            // the portal on.
            add(
                .capability(
                    plan.tenants[server].parts.portal, table: plan.tenants[index].parts.table, slot: slot, .write,
                    badge: number(of: index)), .call, of: index)
            var resource = NamedResource(name: connection.name, kind: .portal, slot: slot, number: number(of: server))
            if tenants[index].sharedSize > 0 {
                // All connections to one server share one window.
                let window = windows[server] ?? addRings(from: index, to: server)
                windows[server] = window
                (resource.address, resource.size, resource.detail) = (window.address, window.size, window.detail)
            }
            add(resource, of: index)
        }
    }

    /// Returns the number by which servers know a tenant.
    func number(of index: Int) -> UInt64 { UInt64(index) + 1 }

    /// Adds the memory of a connection, and the page in which root counts the lives of both ends.
    private mutating func addRings(from client: Int, to server: Int) -> NamedResource {
        let size = tenants[client].sharedSize
        let extent = lastingMemory("rings-\(tenants[server].name)", of: client, size: size + ComponentLayout.livesSize)
        add(.lives(extent, offset: size + RingLives.client, atDeath: true), .ring, of: client)
        add(.lives(extent, offset: size + RingLives.server, atDeath: true), .ring, of: server)
        let (own, theirs) = (mapRings(extent, size, into: client), mapRings(extent, size, into: server))
        add(
            NamedResource(
                name: tenants[client].name, kind: .caller, address: theirs, size: size, number: number(of: client),
                detail: theirs + size), of: server)
        return NamedResource(name: "", kind: .portal, address: own, size: size, detail: own + size)
    }

    private mutating func mapRings(_ extent: Plan.NodeID, _ size: UInt64, into index: Int) -> UInt64 {
        let space = plan.tenants[index].parts.space
        let address = address(of: index, size: size + ComponentLayout.livesSize)
        add(.map(extent, space: space, address: address, offset: 0, size: size, .readWrite), .ring, of: index)
        add(
            .map(
                extent, space: space, address: address + size, offset: size, size: ComponentLayout.livesSize, .read),
            .ring,
            of: index)
        return address
    }
}
