import Foundation
import Tool

/// The executed instructions of a board for one request of a disk, by part, and its entries into the kernel by kind.
struct RequestCost {
    /// The instructions for one request.
    var parts: [(name: String, instructions: Double)] = []
    /// The entries into the kernel for one request.
    var entries: [(kind: String, count: Double)] = []
    /// The functions with the most instructions.
    var functions: [(part: String, name: String, instructions: Double)] = []

    /// The median of the kernel's instructions between two parts that followed each other on a core. On one core: from
    /// the store to a doorbell to the first instruction of the backend, and from the backend's last instruction to the
    /// guest. If the guest has another core than the backend, the first way has two parts, one on each core.
    var latencies: [(name: String, instructions: Double)] = []

    var total: Double { parts.reduce(0) { $0 + $1.instructions } }

    subscript(part: String) -> Double { parts.first { $0.name == part }?.instructions ?? 0 }

    /// The name of all code outside of the image.
    static let guest = "guest"

    /// The name of an idle core before it wakes.
    private static let idle = "idle"
    private static let wait: UInt32 = 0xD503_207F

    /// A way through the kernel, from one part to the next that ran on the same core.
    private struct Way {
        var name: String
        var from: String
        var to: String
        /// True if the way counts on the core of the backend, false if it counts on the others.
        var isOnCoreOfBackend = true
    }

    private static let end = Way(name: "end of the backend to the guest", from: backend, to: guest)
    private static let ways = [Way(name: "doorbell to the backend", from: guest, to: backend), end]
    private static let waysAcross = [
        Way(name: "doorbell, on the guest's core", from: guest, to: guest, isOnCoreOfBackend: false),
        Way(name: "idle core to the backend", from: idle, to: backend), end,
    ]
    private static let backend = "Backend"

    init() {}

    /// Divides a measurement by its requests.
    init(_ record: RequestRecord, parts known: [BoardPart], requests: Int) {
        var byPart: [String: UInt64] = [:]
        var byFunction: [[String]: UInt64] = [:]
        var (calls, waits): ([String: UInt64], UInt64) = ([:], 0)
        var vectors: [UInt64: UInt64] = [:]
        let kernel = known.first { $0.address == 0 }
        let table = kernel?.symbols.symbols.first { $0.name == "kernel_vectors" }?.address ?? 0
        for instruction in record.instructions {
            let part = known.first { $0.range.contains(instruction.offset) }
            let name = part?.name ?? Self.guest
            byPart[name, default: 0] += instruction.executions
            let function = part?.function(at: instruction.offset) ?? "?"
            byFunction[[name, function], default: 0] += instruction.executions
            if instruction.code & 0xFFE0_001F == 0xD400_0001, part != nil {
                calls[name, default: 0] += instruction.executions
            }
            if part == nil, instruction.code == Self.wait { waits += instruction.executions }
            if let kernel, part?.name == kernel.name {
                let distance = instruction.offset &- kernel.range.lowerBound &- table
                if distance < 0x800, distance % 0x80 == 0 { vectors[distance / 0x80] = instruction.executions }
            }
        }
        let each = { (count: UInt64) in Double(count) / Double(requests) }
        parts = byPart.map { ($0.key, each($0.value)) }.sorted { $0.1 > $1.1 }
        functions = byFunction.filter { $0.key[0] != Self.guest }
            .map { ($0.key[0], $0.key[1], each($0.value)) }.sorted { $0.2 > $1.2 }
        guard let kernel else { return }
        let hasSeveralCores = record.changes.contains { $0.core != 0 }
        latencies = (hasSeveralCores ? Self.waysAcross : Self.ways).compactMap { way in
            Self.median(of: record, known, through: kernel, way).map { (way.name, $0) }
        }
        let synchronous = (vectors[8] ?? 0) + (vectors[12] ?? 0)
        let called = calls.values.reduce(0, +)
        entries = calls.sorted { $0.key < $1.key }.map { ("calls of \($0.key)", each($0.value)) }
        // A program's first use of SIMD registers after a switch enters the kernel too, which then loads them once.
        let loads = record.executions(of: "floating_point_load", in: kernel)
        entries.append(("loads of SIMD registers", each(loads)))
        entries.append(("exits of the guest", each(synchronous - min(called + loads, synchronous))))
        entries.append(("waits (WFI) of the guest, among them", each(waits)))
        entries.append(("interrupts", each((vectors[9] ?? 0) + (vectors[13] ?? 0))))
    }

    /// Returns the median number of the kernel's instructions on a way.
    private static func median(of record: RequestRecord, _ known: [BoardPart], through kernel: BoardPart, _ way: Way)
        -> Double?
    {
        let names = [guest] + known.map(\.name)
        let sequence = [way.from, kernel.name, way.to]
        let lengths = Dictionary(grouping: record.changes, by: \.core).values.flatMap { changes -> [UInt64] in
            let parts = changes.map { $0.region == RequestRecord.Change.woken ? idle : names[$0.region] }
            guard parts.contains(backend) == way.isOnCoreOfBackend else { return [] }
            return parts.indices.dropFirst().dropLast().compactMap { index in
                guard Array(parts[(index - 1)...(index + 1)]) == sequence else { return nil }
                return changes[index + 1].executed - changes[index].executed
            }
        }.sorted()
        return lengths.isEmpty ? nil : Double(lengths[lengths.count / 2])
    }
}
