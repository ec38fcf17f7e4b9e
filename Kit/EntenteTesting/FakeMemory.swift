import ABI
import Foundation

/// Memory that fake components have mapped, alone or together.
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

/// Memory that a client and a server share, with the page of their lives behind it, as root makes it.
final class FakeConnection {
    let client: FakeComponent
    let server: FakeComponent
    private let rings: FakeMemory
    private let lives = FakeMemory(ComponentLayout.livesSize)
    /// The places in the client's space.
    let place: (rings: UInt64, lives: UInt64)

    /// Maps the memory for both ends, and makes the client a resource of the server.
    init(_ client: FakeComponent, _ server: FakeComponent, size: UInt64) {
        (self.client, self.server) = (client, server)
        rings = FakeMemory(size)
        place = (client.map(rings), client.map(lives))
        let other = (rings: server.map(rings), lives: server.map(lives))
        server.pages.add(client.name) {
            Resource(
                name: $0, kind: .caller, address: other.rings, size: size, number: client.number, detail: other.lives)
        }
    }

    var size: UInt64 { rings.size }

    /// Tells the peer of a component that has died.
    func countDeath(of component: FakeComponent) {
        let place = component === client ? RingLives.client : RingLives.server
        let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(lives.address + place))!
        word.pointee += 1
    }
}
