import Foundation
import Testing

@testable import SystemImage
@testable import Tool
@testable import Workshop

/// The parts of `bench disk` that need no emulator.
@Suite struct RequestTests {
    private static let magic: UInt64 = 0x3154_5345_5551_4552
    /// Region 1 is the kernel, and region 2 the backend.
    private static let parts = [("Kernel", UInt64(0)), ("Backend", UInt64(0x40_0000))].enumerated().map { index, part in
        BoardPart(
            name: part.0, range: UInt64(index + 1) << 20..<UInt64(index + 2) << 20, address: part.1,
            symbols: SymbolTable())
    }

    private func data(_ words: [UInt64]) -> Data { words.withUnsafeBytes { Data($0) } }

    private func change(_ region: UInt64, core: UInt64 = 0, _ executed: UInt64) -> UInt64 {
        executed << 16 | core << 8 | region
    }

    private func cost(_ changes: [UInt64]) throws -> RequestCost {
        let words = [Self.magic, 0, UInt64(changes.count)] + changes
        let record = try #require(RequestRecord.all(in: data(words)).first)
        return RequestCost(record, parts: Self.parts, requests: 1)
    }

    private func latency(_ name: String, _ changes: [UInt64]) throws -> Double? {
        try cost(changes).latencies.first { $0.name == name }?.instructions
    }

    @Test func aRecordHasInstructionsAndChanges() throws {
        let pair: [UInt64] = [0x1004 | 0xD503_207F << 32, 7]
        let one = [Self.magic, 1, 2] + pair + [change(1, 100), change(255, core: 3, 130)]
        let records = try RequestRecord.all(in: data(one + [Self.magic, 0, 0]))
        #expect(records.count == 2 && records[1].instructions.isEmpty)
        let instruction = try #require(records[0].instructions.first)
        #expect(instruction.offset == 0x1004 && instruction.code == 0xD503_207F && instruction.executions == 7)
        #expect(records[0].changes.map(\.region) == [1, RequestRecord.Change.woken])
        #expect(records[0].changes.map(\.core) == [0, 3] && records[0].changes.map(\.executed) == [100, 130])
    }

    @Test func aDamagedFileIsRefused() {
        #expect(throws: Failure.self) { try RequestRecord.all(in: self.data([Self.magic, 1, 0, 4])) }
        #expect(throws: Failure.self) { try RequestRecord.all(in: self.data([Self.magic + 1, 0, 0])) }
    }

    @Test func bothWaysOnOneCoreAreMedians() throws {
        // Guest, kernel and backend follow each other. The store costs 200, 300 and 400 instructions of the kernel.
        let changes = [200, 300, 400].enumerated().flatMap { turn, way -> [UInt64] in
            let start = UInt64(turn) * 10_000
            return [
                change(0, start), change(1, start + 10), change(2, start + 10 + UInt64(way)), change(1, start + 900),
                change(0, start + 950),
            ]
        }
        #expect(try latency("doorbell to the backend", changes) == 300)
        #expect(try latency("end of the backend to the guest", changes) == 50)
        #expect(try cost(changes).latencies.count == 2)
    }

    @Test func aWayToAnotherCoreHasTwoParts() throws {
        // The guest of core 1 rings while core 0 sleeps in the kernel. Core 0's own guest enters the kernel later.
        let store = [change(0, core: 1, 5), change(1, core: 1, 20), change(0, core: 1, 270)]
        let wake = [change(1, 100), change(255, 110), change(1, 110), change(2, 490), change(1, 600), change(0, 670)]
        let exit = [change(1, 700), change(0, 701)]
        let changes = store + wake + exit
        #expect(try latency("doorbell, on the guest's core", changes) == 250)
        #expect(try latency("idle core to the backend", changes) == 380)
        #expect(try latency("end of the backend to the guest", changes) == 70)
        #expect(try cost(changes).latencies.count == 3)
    }
}
