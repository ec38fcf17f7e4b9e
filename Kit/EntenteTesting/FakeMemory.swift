import ABI
import Foundation

/// Memory that one or several fake components have mapped.
final class FakeMemory {
    let base: UnsafeMutableRawPointer
    let size: UInt64

    init(_ size: UInt64) {
        self.size = size
        base = .allocate(byteCount: Int(size), alignment: 4096)
        memset(base, 0, Int(size))
    }

    deinit { base.deallocate() }

    var address: UInt64 { UInt64(UInt(bitPattern: base)) }
}

/// The memory that a client and a server share. The page of their lives lies behind it, as root makes it.
final class FakeConnection {
    let client: FakeComponent
    let server: FakeComponent
    private let rings: FakeMemory
    private let lives = FakeMemory(ComponentLayout.livesSize)
    /// The addresses in the client's space.
    let addresses: (rings: UInt64, lives: UInt64)

    /// Maps the memory for both ends, and makes the client a resource of the server.
    init(_ client: FakeComponent, _ server: FakeComponent, size: UInt64) {
        (self.client, self.server) = (client, server)
        rings = FakeMemory(size)
        addresses = (client.map(rings), client.map(lives))
        let other = (rings: server.map(rings), lives: server.map(lives))
        server.pages.add(client.name) {
            Resource(
                name: $0, kind: .caller, address: other.rings, size: size, number: client.number, detail: other.lives)
        }
    }

    var size: UInt64 { rings.size }

    /// Counts the death of a component, so that its peer learns of it.
    func countDeath(of component: FakeComponent) {
        let offset = component === client ? RingLives.client : RingLives.server
        let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(lives.address + offset))!
        word.pointee += 1
    }
}
