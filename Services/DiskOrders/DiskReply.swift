import DiskPool

/// A reply to an order. `list` has a reply for the pool and one for each disk and snapshot before the last one.
public struct DiskReply: Equatable, Sendable {
    public var token: UInt64
    public var content: Content

    public enum Content: Equatable, Sendable {
        /// The order is done, and durable. It is the last reply.
        case done
        /// Nothing has changed. It is the last reply.
        case refused(DiskRefusal)
        /// The order is under way.
        case running
        /// A pool: its size and its free space, in units of 16 KiB.
        case pool(units: UInt64, free: UInt64)
        /// A disk or a snapshot. `isHidden`, `isDeleting` and `previous` do not travel.
        case disk(DiskDescription, isDamaged: Bool)
    }

    public init(token: UInt64, _ content: Content) { (self.token, self.content) = (token, content) }

    /// Reads a line without its line feed. Returns nil if it is no reply.
    public init?(line: some Collection<UInt8>) {
        var reader = LineReader(line)
        guard let token = reader.number(), let word = reader.word(), let content = Self.content(Array(word), &reader),
            reader.isAtEnd
        else { return nil }
        self.init(token: token, content)
    }

    private static func content(_ word: [UInt8], _ reader: inout LineReader) -> Content? {
        switch word {
        case Words.bytes("done"): return .done
        case Words.bytes("running"): return .running
        case Words.bytes("refused"):
            guard let number = reader.number(), let refusal = DiskRefusal(rawValue: number) else { return nil }
            return .refused(refusal)
        case Words.bytes("pool"):
            guard let units = reader.number(), let free = reader.number() else { return nil }
            return .pool(units: units, free: free)
        case Words.bytes("disk"): return disk(&reader)
        default: return nil
        }
    }

    private static func disk(_ reader: inout LineReader) -> Content? {
        guard let index = reader.number(most: 1 << 20), let flags = reader.number(most: Flag.all),
            let sectors = reader.number(), let used = reader.number(most: UInt64(UInt32.max)),
            let quota = reader.number(most: UInt64(UInt32.max)),
            let reserved = reader.number(most: UInt64(UInt32.max)), let clones = reader.number(most: 1 << 20),
            let name = reader.name(), let origin = reader.name()
        else { return nil }
        let disk = DiskDescription(
            index: Int(index), name: name, isSnapshot: flags & Flag.snapshot != 0, isHidden: false, isDeleting: false,
            hasChecksums: flags & Flag.checksums != 0, sectors: sectors, used: UInt32(used), quota: UInt32(quota),
            reserved: UInt32(reserved), origin: origin, previous: nil, isClone: flags & Flag.clone != 0,
            clones: Int(clones))
        return .disk(disk, isDamaged: flags & Flag.damaged != 0)
    }

    /// The line, without a line feed.
    public var line: [UInt8] {
        var writer = LineWriter()
        writer.add(token)
        switch content {
        case .done: writer.add("done")
        case .running: writer.add("running")
        case .refused(let refusal):
            writer.add("refused")
            writer.add(refusal.rawValue)
        case .pool(let units, let free):
            writer.add("pool")
            writer.add(units)
            writer.add(free)
        case .disk(let disk, let isDamaged):
            writer.add("disk")
            writer.add(UInt64(disk.index))
            writer.add(Flag.of(disk, isDamaged))
            for number in [
                disk.sectors, UInt64(disk.used), UInt64(disk.quota), UInt64(disk.reserved), UInt64(disk.clones),
            ] { writer.add(number) }
            writer.add(disk.name)
            writer.add(disk.origin)
        }
        return writer.bytes
    }
}

private enum Flag {
    static let snapshot: UInt64 = 1
    static let clone: UInt64 = 2
    static let checksums: UInt64 = 4
    static let damaged: UInt64 = 8
    static let all: UInt64 = 15

    static func of(_ disk: DiskDescription, _ isDamaged: Bool) -> UInt64 {
        (disk.isSnapshot ? snapshot : 0) | (disk.isClone ? clone : 0) | (disk.hasChecksums ? checksums : 0)
            | (isDamaged ? damaged : 0)
    }
}

/// The reason why the running system refuses an order.
public enum DiskRefusal: Equatable, Sendable {
    /// The pool refuses it.
    case pool(PoolError)
    /// The pool is not open, or too many other orders are under way. The order may succeed later.
    case busy
    /// A machine or a component uses the disk.
    case isInUse
    /// The line is no order.
    case malformed
    /// The storage component died before the order was done. The order may have been done or not.
    case unknown

    /// The number in a line. Those of the pool's errors begin at 16.
    public var rawValue: UInt64 {
        switch self {
        case .busy: 1
        case .isInUse: 2
        case .malformed: 3
        case .unknown: 4
        case .pool(let error): 16 + UInt64(error.rawValue)
        }
    }

    public init?(rawValue: UInt64) {
        switch rawValue {
        case 1: self = .busy
        case 2: self = .isInUse
        case 3: self = .malformed
        case 4: self = .unknown
        case 17...255:
            guard let error = PoolError(rawValue: UInt32(rawValue - 16)) else { return nil }
            self = .pool(error)
        default: return nil
        }
    }
}
