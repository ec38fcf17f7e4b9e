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

    /// The median of the kernel's instructions between two parts that followed each other on a core: from the store to
    /// a doorbell to the first instruction of the backend, and from the backend's last instruction to the guest.
    var latencies: [(name: String, instructions: Double)] = []

    var total: Double { parts.reduce(0) { $0 + $1.instructions } }

    subscript(part: String) -> Double { parts.first { $0.name == part }?.instructions ?? 0 }

    /// The name of all code outside of the image.
    static let guest = "guest"

    private static let wait: UInt32 = 0xD503_207F

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
        latencies = [
            ("doorbell to the backend", Self.guest, "Backend"),
            ("end of the backend to the guest", "Backend", Self.guest),
        ].compactMap { name, from, to in
            Self.median(of: record, known, [from, kernel.name, to]).map { (name, $0) }
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

    /// Returns the median length of the middle one of three parts that followed each other on a core.
    private static func median(of record: RequestRecord, _ known: [BoardPart], _ sequence: [String]) -> Double? {
        let names = [guest] + known.map(\.name)
        let changes = record.changes.filter { $0.core == 0 }
        let lengths = changes.indices.dropFirst().dropLast().compactMap { index -> UInt64? in
            let found = changes[(index - 1)...(index + 1)].map { names[$0.region] }
            return found == sequence ? changes[index + 1].executed - changes[index].executed : nil
        }.sorted()
        return lengths.isEmpty ? nil : Double(lengths[lengths.count / 2])
    }
}
