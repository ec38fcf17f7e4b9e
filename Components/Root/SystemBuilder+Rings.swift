import ABI
import Entente
import Supervision
import Synchronization

// The memory of rings belongs to a connection. Root makes it once, for each client with `shared` and each of its
// servers. Each life of either end gets a mapping of its own, and no capability. So the memory outlives both ends,
// neither can take it from the other, and a third tenant cannot get it.
extension SystemBuilder {
    /// The memory that a client shares with its servers, and behind it the page in which root counts both ends' lives.
    mutating func prepareRings(_ record: TenantRecord, _ index: Int) {
        for number in 0..<Connections.maximum where record.hasWindow(number) {
            tenants[index].rings[number] = memory.clearedExtent(record.sharedSize + ComponentLayout.livesSize)
        }
    }

    /// The tenant's part of each connection: as a client, and as a server of those that share memory with it.
    mutating func connectRings(of index: Int) {
        let record = BootTable.tenant(index)
        for number in 0..<Connections.maximum where record.hasWindow(number) {
            mapWindow(
                tenants[index].rings[number], ComponentLayout.shared, UInt64(number), size: record.sharedSize, index)
        }
        for client in 0..<SystemBuilder.tenantCount {
            guard let number = SystemBuilder.window(of: client, with: index) else { continue }
            mapWindow(
                tenants[client].rings[number], ComponentLayout.callers, UInt64(client + 1),
                size: BootTable.tenant(client).sharedSize, index)
        }
    }

    private mutating func mapWindow(
        _ extent: UInt32, _ windows: UInt64, _ number: UInt64, size: UInt64, _ index: Int
    ) {
        let address = windows + number * ComponentLayout.windowSize
        mapOwn(index, extent, address, size: size, .readWrite)
        mapOwn(
            index, extent, address + ComponentLayout.ringLives, offset: size, size: ComponentLayout.livesSize,
            .readOnly)
    }

    /// Tells the peers of a tenant's rings that it has died.
    func countLife(of index: Int) {
        let record = BootTable.tenant(index)
        for number in 0..<Connections.maximum where record.hasWindow(number) {
            count(tenants[index].lives, at: RingLives.client, of: tenants[index].rings[number], record.sharedSize)
        }
        for client in 0..<SystemBuilder.tenantCount {
            guard let number = SystemBuilder.window(of: client, with: index) else { continue }
            count(
                tenants[index].lives, at: RingLives.server, of: tenants[client].rings[number],
                BootTable.tenant(client).sharedSize)
        }
    }

    private func count(_ lives: UInt64, at place: UInt64, of extent: UInt32, _ size: UInt64) {
        memory.withView(of: extent, offset: size, size: ComponentLayout.livesSize) { address in
            // SAFETY: root just mapped the page there; `place` is a multiple of 8 in it, and all read it atomically.
            let word = unsafe UnsafePointer<Atomic<UInt64>>(bitPattern: UInt(address + place)).unsafelyUnwrapped
            // SAFETY: as above.
            unsafe word.pointee.store(lives, ordering: .releasing)
        }
    }

    /// The number of the connection whose memory this client shares with this server; nil: they share none.
    private static func window(of client: Int, with server: Int) -> Int? {
        let record = BootTable.tenant(client)
        for number in 0..<Connections.maximum
        where record.hasWindow(number) && record.connections[number].server == UInt64(server + 1) { return number }
        return nil
    }

    /// Bytes that each caller shares with this tenant, by the caller's number.
    static func fill(_ callers: inout InlineArray<64, UInt64>, server index: Int) {
        for client in 0..<tenantCount where window(of: client, with: index) != nil {
            callers[client + 1] = BootTable.tenant(client).sharedSize
        }
    }

    /// Returns the number of tenants that share memory with this one.
    static func callerCount(_ server: TenantRecord) -> UInt64 {
        var count: UInt64 = 0
        for client in 0..<tenantCount where BootTable.tenant(client).sharedSize != 0 {
            for number in 0..<Connections.maximum where BootTable.tenant(client).hasWindow(number) {
                let name = BootTable.tenant(Int(BootTable.tenant(client).connections[number].server) - 1).name
                if isSame(name, server.name) { count += 1 }
            }
        }
        return count
    }
}

extension TenantRecord {
    /// The number of the connection that has the memory which this one uses: two connections to one server share it.
    func window(of number: Int) -> Int {
        for earlier in 0..<number where connections[earlier].server == connections[number].server { return earlier }
        return number
    }

    /// Returns whether this connection has memory for rings.
    func hasWindow(_ number: Int) -> Bool {
        sharedSize != 0 && connections[number].server != 0 && window(of: number) == number
    }

    var windowCount: UInt64 {
        var count: UInt64 = 0
        for number in 0..<Connections.maximum where hasWindow(number) { count += 1 }
        return count
    }
}
