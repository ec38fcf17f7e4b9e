import ABI
import Foundation

/// Memory that fake components share.
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

    init(_ client: FakeComponent, _ server: FakeComponent, size: UInt64) {
        (self.client, self.server) = (client, server)
        rings = FakeMemory(size)
    }

    /// Both ends see it: the client in the window of its connection, the server in that of its caller.
    func map(window: UInt64) {
        map(client, ComponentLayout.shared + window * ComponentLayout.windowSize)
        map(server, ComponentLayout.callers + client.number * ComponentLayout.windowSize)
        let (number, size) = (Int(client.number), rings.size)
        server.pages.configure { $0.callers[number] = size }
    }

    private func map(_ component: FakeComponent, _ address: UInt64) {
        component.windows[address] = rings
        component.windows[address + ComponentLayout.ringLives] = lives
    }

    /// Tells the peer of a component that has died.
    func countDeath(of component: FakeComponent) {
        let place = component === client ? RingLives.client : RingLives.server
        let word = UnsafeMutablePointer<UInt64>(bitPattern: UInt(lives.address + place))!
        word.pointee += 1
    }
}
