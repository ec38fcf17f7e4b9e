import Foundation
import SystemImage
import Tool

/// The counts of the plugin in `Benchmarks/Entries`, which `struct output` there describes.
struct EntryRecords {
    enum Kind: Int, CaseIterable {
        case start, synchronous, interrupt, error, wake

        var title: String {
            switch self {
            case .start: "start-up"
            case .synchronous: "synchronous"
            case .interrupt: "interrupt"
            case .error: "error"
            case .wake: "wake from idle"
            }
        }
    }

    /// The entries that began in the same way and went through the same functions.
    struct Path {
        var kind: Kind
        var count: UInt64
        var total: UInt64
        var longest: UInt64
        /// The instructions spent waiting for the kernel's lock, which another core had. No other figure includes them.
        var longestWait: UInt64
        /// The functions by offset, with the instructions of the longest entry in each, in descending order.
        var parts: [(function: UInt64, instructions: UInt64)]
    }

    /// The figures of one core of a board with several: the interrupts that the core takes, in its own instructions.
    struct Core: Equatable {
        /// The instructions in the kernel. `outside` counts those in tenants.
        var inside: UInt64 = 0
        var outside: UInt64 = 0
        /// The entries that an interrupt began while a tenant ran.
        var interrupts: UInt64 = 0
        var interruptInstructions: UInt64 = 0
        /// The most interrupts within a millisecond of virtual time. The number is exact under `-icount` only.
        var mostInterrupts: UInt64 = 0
        /// The longest run of entries that followed each other without a tenant's instruction in between, one of them
        /// begun by an interrupt. That interrupt waited no longer than the run.
        var longestRun: UInt64 = 0
    }

    private(set) var paths: [UInt64: Path] = [:]
    private(set) var cores = [Core](repeating: Core(), count: coreCount)
    /// The entries of each kind, by the power of two below their length.
    private(set) var octaves: [Kind: [UInt64]] = [:]

    private static let magic: UInt64 = 0x3153_4549_5254_4E45
    private static let octaveCount = 32
    private static let pathCount = 2048
    private static let partCount = 64
    private static let pathSize = 8 * (7 + partCount)
    private static let coreCount = 8
    private static let coreSize = 8 * 6

    /// Adds the records of one run.
    mutating func add(_ data: Data) throws {
        let header = 16 + Kind.allCases.count * Self.octaveCount * 8
        let size = header + Self.pathCount * Self.pathSize + Self.coreCount * Self.coreSize
        guard data.count == size, data.word(at: 0) == Self.magic else {
            throw Failure("a file of entry records is damaged", remedy: "delete it, and run the system again")
        }
        for kind in Kind.allCases {
            let counts = (0..<Self.octaveCount).map { data.word(at: 16 + (kind.rawValue * Self.octaveCount + $0) * 8) }
            octaves[kind] = zip(octaves[kind] ?? counts.map { _ in 0 }, counts).map(+)
        }
        for index in 0..<Self.pathCount { addPath(data, at: header + index * Self.pathSize) }
        let cores = header + Self.pathCount * Self.pathSize
        for index in 0..<Self.coreCount { addCore(index, data, at: cores + index * Self.coreSize) }
    }

    private mutating func addCore(_ index: Int, _ data: Data, at offset: Int) {
        let words = (0..<6).map { data.word(at: offset + $0 * 8) }
        cores[index].inside += words[0]
        cores[index].outside += words[1]
        cores[index].interrupts += words[2]
        cores[index].interruptInstructions += words[3]
        cores[index].mostInterrupts = max(cores[index].mostInterrupts, words[4])
        cores[index].longestRun = max(cores[index].longestRun, words[5])
    }

    private mutating func addPath(_ data: Data, at offset: Int) {
        let words = (0..<7).map { data.word(at: offset + $0 * 8) }
        guard words[2] > 0, let kind = Kind(rawValue: Int(words[1])) else { return }
        let parts = (0..<min(Int(words[6]), Self.partCount)).map { index in
            let part = data.word(at: offset + (7 + index) * 8)
            return (function: part & 0xFFFF_FFFF, instructions: part >> 32)
        }.sorted { $0.1 > $1.1 }
        let path = Path(
            kind: kind, count: words[2], total: words[3], longest: words[4], longestWait: words[5], parts: parts)
        guard var known = paths[words[0]] else { return paths[words[0]] = path }
        known.count += path.count
        known.total += path.total
        known.longestWait = max(known.longestWait, path.longestWait)
        if path.longest > known.longest { (known.longest, known.parts) = (path.longest, path.parts) }
        paths[words[0]] = known
    }

    /// All paths except for the start of a core, before which no tenant could wait.
    var longestFirst: [Path] { paths.values.filter { $0.kind != .start }.sorted { $0.longest > $1.longest } }

    func longest(_ kind: Kind) -> UInt64 { paths.values.filter { $0.kind == kind }.map(\.longest).max() ?? 0 }
    var longestWait: UInt64 { paths.values.map(\.longestWait).max() ?? 0 }
    func count(_ kind: Kind) -> UInt64 { paths.values.filter { $0.kind == kind }.reduce(0) { $0 + $1.count } }
}

extension Data {
    fileprivate func word(at offset: Int) -> UInt64 {
        withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }
}
