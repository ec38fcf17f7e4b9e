import ABI

/// The doorbells of a space: guest-physical addresses whose stores raise bits without the monitor.
///
/// It is a hash table whose entries do not move. Each bucket is a word with a bit for each doorbell of that hash,
/// whatever the doorbell's place, so that the table always has room for `count` doorbells. A change holds the lock,
/// while other cores look up without it. The bit of a bound doorbell does not change, so changes of others cannot
/// hide it. A bit that is out of date leads to a bell that does not match.
public struct DoorbellTable: ~Copyable {
    let buckets: InlineArray<512, AtomicWord>
    /// Begins at `doorbellOffset`.
    let doorbells: InlineArray<64, Doorbell>
    /// The places in use. Only the holder of the lock reads it.
    var used: UInt64

    public static let count = KernelLimits.doorbells
    /// The first two pages hold the structure, and the third one the bindings.
    public static let size: UInt64 = 3 &* Page.size
    static let bindings: UInt64 = 2 &* Page.size
    static let doorbellOffset: UInt64 = 512 &* 8
}

/// A bell that rings at some stored values.
public struct Doorbell: ~Copyable {
    let bell: Bell
    /// The values, as `DoorbellMatch`. The word changes together with the bell.
    let match: AtomicWord
}

/// A store of a virtual CPU that its translation did not permit.
public struct GuestStore {
    public let address: GuestAddress
    /// The register of which the instruction stores the low bytes.
    let register: UInt64
    /// The number of those bytes: 1, 2, 4 or 8.
    let size: UInt64

    @inline(__always)
    public init(_ address: GuestAddress, register: UInt64, size: UInt64) {
        (self.address, self.register, self.size) = (address, register, size)
    }

    /// The stored bits, extended by zeros.
    @inline(__always) public var value: UInt64 { register & (.max &>> (64 &- 8 &* size)) }
}

extension DoorbellTable {
    /// Returns the hash of an address, a number of nine bits, by a multiplication with the golden ratio. It spreads
    /// addresses that have regular distances.
    @inline(__always)
    func bucket(_ address: UInt64) -> Int {
        Int(truncatingIfNeeded: (UInt32(truncatingIfNeeded: address) &* 0x9E37_79B1) >> 23)
    }

    /// Returns the bucket of a doorbell for one value. The smallest width of a comparison is 8 bits, so all widths
    /// agree on the low seven.
    @inline(__always)
    func bucket(_ address: UInt64, value: UInt64) -> Int {
        bucket(address) ^ Int(truncatingIfNeeded: value & 127)
    }

    func bucket(_ address: UInt64, _ match: DoorbellMatch) -> Int {
        match.width == 0 ? bucket(address) : bucket(address, value: match.value)
    }

    /// Returns the places of all doorbells that a store may ring, and perhaps others. The first one has the store's
    /// address. Reads no bell as a whole: an access that has no doorbell pays for this check alone.
    ///
    /// - Parameter value: the stored value; only its low 7 bits count.
    @inline(__always)
    public func candidates(_ address: GuestAddress, value: UInt64) -> UInt64 {
        var rest =
            buckets[bucket(address.value)].relaxedLoad() | buckets[bucket(address.value, value: value)].relaxedLoad()
        while rest != 0 {
            let place = rest.trailingZeroBitCount & 63
            if doorbells[place].bell.address.relaxedLoad() == address.value { break }
            rest &= rest &- 1
        }
        return rest
    }
}

extension Ref where Object == DoorbellTable {
    /// Returns the first doorbell of the result of `candidates`, which is not 0.
    @inline(__always)
    public func first(of candidates: UInt64) -> Ref<Doorbell> {
        let place = UInt64(truncatingIfNeeded: candidates.trailingZeroBitCount & 63)
        let offset = DoorbellTable.doorbellOffset &+ place &* UInt64(MemoryLayout<Doorbell>.stride)
        return Ref<Doorbell>(at: address + offset)
    }
}
