import ABI

/// A range of guest-physical addresses that are all RAM of the machine. Only `GuestBounds` makes one, so that a
/// function with such a parameter needs no check.
public struct GuestRange: Equatable, Sendable {
    public let address: UInt64
    public let size: UInt64

    @inline(__always)
    fileprivate init(address: UInt64, size: UInt64) {
        self.address = address
        self.size = size
    }

    /// A range without bytes.
    @inline(__always) public static var none: GuestRange { GuestRange(address: 0, size: 0) }

    /// Returns `size` bytes from `offset` on. They must lie in the range.
    @inline(__always)
    public func part(at offset: UInt64, size: UInt64) -> GuestRange {
        precondition(offset <= self.size && size <= self.size &- offset, "a part lies outside of its range")
        return GuestRange(address: address &+ offset, size: size)
    }
}

/// The bounds of a machine's RAM. An address that a guest names, in a register, an instruction or a table of its own,
/// is an allegation until it is checked here.
public struct GuestBounds: Sendable {
    private let ram: MemoryRange

    @inline(__always) public init(_ ram: MemoryRange) { self.ram = ram }

    /// Checks an allegation.
    /// - Parameters:
    ///   - address: a guest-physical address; any number.
    ///   - size: any number; a range of 0 bytes is none.
    ///   - alignment: a power of two.
    /// - Returns: nil if the address is not aligned, or a byte of the range is not RAM.
    @inline(__always)
    public func range(at address: UInt64, size: UInt64, alignedTo alignment: UInt64 = 1) -> GuestRange? {
        guard size > 0, address & (alignment &- 1) == 0, address >= ram.base else { return nil }
        let offset = address &- ram.base
        guard offset < ram.size, ram.size &- offset >= size else { return nil }
        return GuestRange(address: address, size: size)
    }
}

/// The access to the bytes of a machine's RAM: a mapping in the monitor, an array in a test.
///
/// The guest may change all of it at any time. So each function reads a word once and returns its value, and none
/// returns a pointer.
public protocol GuestMemoryAccess {
    /// Loads 8 bytes from memory rather than from a cache, because the guest may have its caches off.
    /// - Parameter word: 8 bytes, aligned.
    func load(_ word: GuestRange) -> UInt64

    /// Stores 8 bytes, in memory and not only in a cache.
    /// - Parameter word: 8 bytes, aligned.
    func store(_ value: UInt64, _ word: GuestRange)

    /// Sets all bytes of a range to zero, in memory and not only in a cache.
    func clear(_ range: GuestRange)

    /// Fills a range with the bytes from `source` on, in memory and not only in a cache.
    /// - Parameter source: an address in the monitor's own space.
    func fill(_ range: GuestRange, from source: UInt64)
}

/// A machine's RAM, checked at every access.
public struct GuestMemory<Access: GuestMemoryAccess> {
    public let bounds: GuestBounds
    private let access: Access

    @inline(__always)
    public init(_ ram: MemoryRange, _ access: Access) {
        bounds = GuestBounds(ram)
        self.access = access
    }

    /// Returns the 8 bytes at an address; nil if it is not aligned or not RAM.
    public func word(at address: UInt64) -> UInt64? {
        guard let range = bounds.range(at: address, size: 8, alignedTo: 8) else { return nil }
        return access.load(range)
    }

    /// Returns the instruction at an address; nil if it is not aligned or not RAM.
    public func instruction(at address: UInt64) -> UInt32? {
        guard bounds.range(at: address, size: 4, alignedTo: 4) != nil, let word = word(at: address & ~7) else {
            return nil
        }
        return UInt32(truncatingIfNeeded: word >> (8 * (address & 4)))
    }

    /// The unit in which RAM is filled. `clear` and `fill` round a size up to it.
    public static var fillUnit: UInt64 { 64 }

    /// Sets bytes to zero.
    /// - Returns: false, with nothing changed, if the bytes in whole units are not all RAM.
    public func clear(at address: UInt64, size: UInt64) -> Bool {
        guard let range = wholeUnits(at: address, size: size) else { return false }
        access.clear(range)
        return true
    }

    /// Copies bytes of the monitor into the RAM.
    /// - Returns: false, with nothing changed, if the bytes in whole units are not all RAM.
    public func fill(at address: UInt64, size: UInt64, from source: UInt64) -> Bool {
        guard let range = wholeUnits(at: address, size: size) else { return false }
        access.fill(range, from: source)
        return true
    }

    /// Combines bytes of RAM with random bits by exclusive or, so that they are at least as random as before. The
    /// machine does not run, because otherwise it could change the bytes beside them meanwhile.
    /// - Parameters:
    ///   - address: a multiple of 4.
    ///   - size: a multiple of 4, up to 32.
    /// - Returns: false, with nothing changed, if the bytes in whole words are not all RAM, or there are none.
    public func mix(_ random: InlineArray<4, UInt64>, at address: UInt64, size: UInt64) -> Bool {
        guard address & 3 == 0, size & 3 == 0, size <= 32, bounds.range(at: address, size: size) != nil else {
            return false
        }
        let end = address &+ size
        guard bounds.range(at: address & ~7, size: (end &+ 7) & ~7 &- address & ~7) != nil else { return false }
        var place = address
        while place < end {
            guard let word = bounds.range(at: place & ~7, size: 8, alignedTo: 8) else { return false }
            let offset = place &- address
            let bits = random[Int(offset / 8)] >> (8 * (offset & 4)) & 0xFFFF_FFFF
            access.store(access.load(word) ^ bits << (8 * (place & 4)), word)
            place &+= 4
        }
        return true
    }

    private func wholeUnits(at address: UInt64, size: UInt64) -> GuestRange? {
        let unit = Self.fillUnit
        guard size <= .max - unit else { return nil }
        return bounds.range(at: address, size: (size + unit - 1) & ~(unit - 1), alignedTo: 8)
    }
}
