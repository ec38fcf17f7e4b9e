import ABI

// The memory of a connection, as one of its ends sees it. Root makes it once, maps it for each life of either end, and
// counts these lives in a page that both ends can only read. So nothing that a peer does takes memory away, and an end
// learns that its peer has died without asking it.

/// The place of a ring, in the one word that an offer takes in a message. All of it is the client's claim until
/// `accept` has checked it.
struct RingRange {
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

/// The memory of one connection, as the resource of one of its ends names it.
struct RingWindow {
    private let resource: Resource

    /// - Parameter resource: a portal or a caller that shares memory with this component.
    private init(of resource: Resource) { self.resource = resource }

    /// Server: the memory that this caller shares with it, if it shares any.
    init?(ofCaller caller: UInt64) {
        var callers = Configuration.resources(of: .caller)
        while let resource = callers.next() {
            guard resource.number == caller else { continue }
            self.init(of: resource)
            return
        }
        return nil
    }

    /// Client: the memory of the connection that a portal belongs to; for nil, of the only server.
    static func ofConnection(_ portal: Portal?) throws(SharingError) -> RingWindow {
        var found: Resource?
        var portals = Configuration.resources(of: .portal)
        while let resource = portals.next() {
            if let portal, UInt64(portal.slot) != resource.slot { continue }
            // Portals of one server have one memory.
            if let found, found.address != resource.address { throw .severalServers }
            found = resource
        }
        guard let found else { throw portal == nil ? .noMemory : .refused(.badCapability) }
        guard found.size > 0 else { throw .noMemory }
        return RingWindow(of: found)
    }

    /// This component's number, as its servers and clients know it.
    static var ownNumber: UInt64 { Configuration.current.channel - 1 }

    /// The peer's number.
    var peer: UInt64 { resource.number }

    /// The place in the message page where a client counts the bytes of this memory that it has given out: portals of
    /// one server have one. Nil if the component has more portals than the page has room for.
    var account: UInt64? {
        var index: UInt64 = 0
        var portals = Configuration.resources(of: .portal)
        while let portal = portals.next() {
            if portal.address == resource.address { return index < MessageMemory.accounts ? index : nil }
            index += 1
        }
        return nil
    }

    /// Nil when that is not inside of it.
    func memory(at offset: UInt64, size part: UInt64) -> SharedMemory? {
        guard part <= resource.size, offset <= resource.size - part else { return nil }
        // SAFETY: the guard has checked that the part lies inside of this window.
        return unsafe mapped(resource.address + offset, part)
    }

    /// Returns the present life of an end, by the count of its deaths.
    func life(of end: PeerLife.End) -> PeerLife {
        // SAFETY: root maps a page with both counts at `detail` of each such resource, so these 16 bytes are there.
        PeerLife(lives: unsafe mapped(resource.detail, 16), end: end)
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
