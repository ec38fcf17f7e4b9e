import DiskPool

/// An order to the disks of a running system, as the host's tool types it at the console of the disk control.
///
/// A line has a token, the verb and its operands. The token comes back with each reply, so that several users of the
/// console can tell their replies apart.
public struct DiskOrder: Equatable, Sendable {
    public var token: UInt64
    public var verb: Verb
    /// The number of the board's disk whose pool the order is about.
    public var boardDisk: UInt64

    public enum Verb: Equatable, Sendable {
        /// Asks whether somebody reads the console.
        case hello
        /// Asks for the pool, its disks and its snapshots.
        case list
        case create(PoolName, sectors: UInt64, hasChecksums: Bool)
        case snapshot(PoolName, of: PoolName)
        case clone(PoolName, of: PoolName)
        case delete(PoolName)
        case grow(PoolName, sectors: UInt64)
    }

    /// The longest line of an order, in bytes and without the line feed. Names of 64 bytes can take 192.
    public static var longestLine: Int { 512 }

    public init(token: UInt64, _ verb: Verb, boardDisk: UInt64 = 0) {
        (self.token, self.verb, self.boardDisk) = (token, verb, boardDisk)
    }

    /// Reads a line without its line feed. Returns nil if it is no order.
    public init?(line: some Collection<UInt8>) {
        guard line.count <= Self.longestLine else { return nil }
        var reader = LineReader(line)
        guard let token = reader.number(), let word = reader.word(), let boardDisk = reader.number(most: 255),
            let verb = Self.verb(Array(word), &reader), reader.isAtEnd
        else { return nil }
        self.init(token: token, verb, boardDisk: boardDisk)
    }

    private static func verb(_ word: [UInt8], _ reader: inout LineReader) -> Verb? {
        switch word {
        case Words.bytes("hello"): return .hello
        case Words.bytes("list"): return .list
        case Words.bytes("create"):
            guard let name = reader.name(), let sectors = reader.number(), let checksums = reader.number(most: 1)
            else { return nil }
            return .create(name, sectors: sectors, hasChecksums: checksums == 1)
        case Words.bytes("snapshot"):
            guard let name = reader.name(), let origin = reader.name() else { return nil }
            return .snapshot(name, of: origin)
        case Words.bytes("clone"):
            guard let name = reader.name(), let origin = reader.name() else { return nil }
            return .clone(name, of: origin)
        case Words.bytes("delete"):
            guard let name = reader.name() else { return nil }
            return .delete(name)
        case Words.bytes("grow"):
            guard let name = reader.name(), let sectors = reader.number() else { return nil }
            return .grow(name, sectors: sectors)
        default: return nil
        }
    }

    /// The line, without a line feed.
    public var line: [UInt8] {
        var writer = LineWriter()
        writer.add(token)
        switch verb {
        case .hello: head("hello", &writer)
        case .list: head("list", &writer)
        case .create(let name, let sectors, let hasChecksums):
            head("create", &writer)
            writer.add(name)
            writer.add(sectors)
            writer.add(hasChecksums ? 1 : 0)
        case .snapshot(let name, let origin):
            head("snapshot", &writer)
            writer.add(name)
            writer.add(origin)
        case .clone(let name, let origin):
            head("clone", &writer)
            writer.add(name)
            writer.add(origin)
        case .delete(let name):
            head("delete", &writer)
            writer.add(name)
        case .grow(let name, let sectors):
            head("grow", &writer)
            writer.add(name)
            writer.add(sectors)
        }
        return writer.bytes
    }

    private func head(_ word: String, _ writer: inout LineWriter) {
        writer.add(word)
        writer.add(boardDisk)
    }
}

/// Compares words as bytes, because a comparison of strings would bring tables of Unicode onto the board.
enum Words {
    static func bytes(_ word: String) -> [UInt8] { Array(word.utf8) }
}
