import ABI

// The memory of a connection, as one of its ends sees it. Root makes it once, maps it for each life of either end, and
// counts these lives in a page that both ends can only read. So nothing that a peer does takes memory away, and an end
// learns that its peer has died without asking it.

/// The place of a ring, in the one word that an offer takes in a message. All of it is the client's claim until
/// `accept` has checked it.
struct RingPlace {
    /// In bytes; multiples of 4 KiB.
    var offset: UInt64
    var size: UInt64
    /// The number of the server for which it is made.
    var server: UInt64
    /// The life of the client, modulo 2³².
    var life: UInt32

    init(offset: UInt64, size: UInt64, server: UInt64, life: UInt32) {
        (self.offset, self.size, self.server, self.life) = (offset, size, server, life)
    }

    /// Nil when no ring has such a size.
    init?(word: UInt64) {
        offset = (word & 0xFFFF) << 12
        size = (word >> 16 & 0xFF) << 12
        server = word >> 24 & 0xFF
        life = UInt32(truncatingIfNeeded: word >> 32)
        guard size > 0, size <= ComponentLayout.maximumRing else { return nil }
    }

    var word: UInt64 { offset >> 12 & 0xFFFF | (size >> 12 & 0xFF) << 16 | (server & 0xFF) << 24 | UInt64(life) << 32 }
}

/// The memory of one connection.
struct RingWindow {
    private let base: UInt64
    private let size: UInt64

    /// Client: the memory that it shares with a server.
    init(of connection: Connection) {
        base = ComponentLayout.shared + connection.window * ComponentLayout.windowSize
        size = Configuration.current.sharedSize
    }

    /// Server: the memory that this caller shares with it, if it shares any.
    init?(ofCaller caller: UInt64) {
        size = Configuration.sharedSize(ofCaller: caller)
        guard size > 0 else { return nil }
        base = ComponentLayout.callers + caller * ComponentLayout.windowSize
    }

    /// This component's number, as its servers and clients know it.
    static var ownNumber: UInt64 { Configuration.current.channel - 1 }

    /// Client: the connection that a portal belongs to; for nil, the only one.
    static func connection(_ portal: Portal?) throws(SharingError) -> Connection {
        let configuration = Configuration.current
        guard configuration.sharedSize > 0 else { throw .noMemory }
        var found: Connection?
        for index in 0..<Connections.maximum {
            let connection = configuration.connections[index]
            guard connection.slot != 0 else { continue }
            if let portal, UInt64(portal.slot) != connection.slot { continue }
            if let found, found.window != connection.window { throw .severalServers }
            found = connection
        }
        guard let found else { throw .refused(.badCapability) }
        return found
    }

    /// Nil when that is not inside of it.
    func memory(at offset: UInt64, size part: UInt64) -> SharedMemory? {
        guard part <= size, offset <= size - part else { return nil }
        // SAFETY: the guard has checked that the part lies inside of this window.
        return unsafe mapped(base + offset, part)
    }

    /// Returns the present life of an end, by the count of its deaths.
    func life(of end: PeerLife.End) -> PeerLife {
        // SAFETY: root maps a page with both counts at `ringLives` of each window, so these 16 bytes are there.
        PeerLife(lives: unsafe mapped(base + ComponentLayout.ringLives, 16), end: end)
    }

    @unsafe private func mapped(_ address: UInt64, _ size: UInt64) -> SharedMemory {
        // SAFETY: root mapped the window before it started this component, and it stays as long as the component lives;
        // the caller has checked that the part lies inside of it.
        unsafe SharedMemory(
            base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(address))).unsafelyUnwrapped, size: Int(size))
    }
}

/// The life that the peer of a ring had when the ring began.
struct PeerLife {
    enum End { case client, server }

    private let lives: SharedMemory
    private let offset: Int
    private var began: UInt64

    init(lives: SharedMemory, end: End) {
        self.lives = lives
        offset = Int(end == .client ? RingLives.client : RingLives.server)
        began = lives[offset]
    }

    var number: UInt32 { UInt32(truncatingIfNeeded: began) }
    /// Whether the peer has died since. Only root writes the count that this reads.
    var isOver: Bool { lives[offset] != began }
    mutating func renew() { began = lives[offset] }
}

extension Configuration {
    /// Bytes that a caller shares with this component.
    static func sharedSize(ofCaller caller: UInt64) -> UInt64 {
        caller < UInt64(Connections.maximumCallers) ? current.callers[Int(caller)] : 0
    }
}
