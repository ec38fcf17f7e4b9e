import ABI

// The memory of a connection, as one of its ends sees it. Root makes it once, maps it for each life of either end,
// and counts these lives in a page that both ends can only read. So a peer cannot take the memory away, and an end
// learns of its peer's death without asking the peer.

/// The place of a ring, in the one word of an offer in a message. The whole word is the client's claim until `accept`
/// has checked it.
struct RingPlace {
    /// The offset in the connection's memory. It and `size` are in bytes, and multiples of 4 KiB.
    var offset: UInt64
    var size: UInt64
    /// The number of the server to which the client offers the ring.
    var server: UInt64
    /// The life of the client, modulo 2³².
    var life: UInt32

    init(offset: UInt64, size: UInt64, server: UInt64, life: UInt32) {
        (self.offset, self.size, self.server, self.life) = (offset, size, server, life)
    }

    /// Decodes a word. Returns nil if no ring can have such a size.
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

    /// Finds the memory that this server shares with the caller. Returns nil if they share none.
    init?(ofCaller caller: UInt64) {
        var callers = Configuration.resources(of: .caller)
        while let resource = callers.next() {
            guard resource.number == caller else { continue }
            self.init(of: resource)
            return
        }
        return nil
    }

    /// Finds the memory of the client's connection over `portal`, or to the only server if `portal` is nil.
    static func ofConnection(_ portal: Portal?) throws(SharingError) -> RingWindow {
        var found: Resource?
        var portals = Configuration.resources(of: .portal)
        while let resource = portals.next() {
            if let portal, UInt64(portal.slot) != resource.slot { continue }
            // All portals of one server share one memory.
            if let found, found.address != resource.address { throw .severalServers }
            found = resource
        }
        guard let found else { throw portal == nil ? .noMemory : .refused(.badCapability) }
        guard found.size > 0 else { throw .noMemory }
        return RingWindow(of: found)
    }

    /// The number by which this component's servers and clients know it.
    static var ownNumber: UInt64 { Configuration.current.channel - 1 }

    /// The number of the peer.
    var peer: UInt64 { resource.number }

    /// The place in the message page where a client counts the bytes of this memory that are in use. All portals of
    /// one server share it. Nil if the component has more portals than the page has room for.
    var account: UInt64? {
        var index: UInt64 = 0
        var portals = Configuration.resources(of: .portal)
        while let portal = portals.next() {
            if portal.address == resource.address { return index < MessageMemory.accounts ? index : nil }
            index += 1
        }
        return nil
    }

    /// Returns a part of the memory, or nil if the part is not inside of it.
    func memory(at offset: UInt64, size part: UInt64) -> SharedMemory? {
        guard part <= resource.size, offset <= resource.size - part else { return nil }
        // SAFETY: the guard has checked that the part lies inside of this window.
        return unsafe mapped(resource.address + offset, part)
    }

    /// Returns the present life of an end, as the count of its deaths gives it.
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

/// The life that a ring's peer had when the ring began.
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
    /// True if the peer has died since then. Only root writes the count that this property reads.
    var isOver: Bool { lives[offset] != began }
    mutating func renew() { began = lives[offset] }
}
