import Foundation
import SystemImage
import Tool

/// The counts of the plugin in `Benchmarks/Requests` for one measurement. The plugin's source describes the format.
struct RequestRecord {
    /// An instruction in the board's RAM that was executed at least once.
    struct Instruction {
        /// The bytes from the start of RAM.
        var offset: UInt64
        var code: UInt32
        var executions: UInt64
    }

    /// The moment at which a core began to execute another region.
    struct Change {
        /// The number of the region in the plugin's arguments, from 1 on; 0 for all other code, and `woken` after a
        /// WFI.
        var region: Int
        var core: Int
        /// The instructions that the core had executed before.
        var executed: UInt64

        static let woken = 255
    }

    var instructions: [Instruction] = []
    var changes: [Change] = []

    /// Returns how often a function of a program was entered.
    func executions(of function: String, in part: BoardPart) -> UInt64 {
        guard let symbol = part.symbols.symbols.first(where: { $0.name == function }) else { return 0 }
        let offset = symbol.address &- part.address &+ part.range.lowerBound
        return instructions.first { $0.offset == offset }?.executions ?? 0
    }

    private static let magic: UInt64 = 0x3154_5345_5551_4552

    /// Reads the measurements of one run, in their order.
    static func all(in data: Data) throws -> [RequestRecord] {
        var records: [RequestRecord] = []
        var offset = 0
        func word() throws -> UInt64 {
            guard offset + 8 <= data.count else {
                throw Failure("a file of counted requests is cut off", remedy: "run the benchmark again")
            }
            defer { offset += 8 }
            return data.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        }
        while offset < data.count {
            guard try word() == magic else {
                throw Failure("a file of counted requests is damaged", remedy: "run the benchmark again")
            }
            let (pairs, changes) = (try word(), try word())
            var record = RequestRecord()
            for _ in 0..<pairs {
                let (place, executions) = (try word(), try word())
                record.instructions.append(
                    Instruction(
                        offset: place & 0xFFFF_FFFF, code: UInt32(place >> 32), executions: executions))
            }
            for _ in 0..<changes {
                let change = try word()
                record.changes.append(
                    Change(region: Int(change & 0xFF), core: Int(change >> 8 & 0xFF), executed: change >> 16))
            }
            records.append(record)
        }
        return records
    }
}
