import Foundation
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// The costs of the primitives stay below the promises of `Benchmarks/ceilings.json`.
    @Suite struct BenchmarkTests {
        @Test func everyPrimitiveKeepsBelowItsCeiling() throws {
            let workspace = Workspace(root: Repository.root)
            let ceilings = try JSONDecoder().decode(
                [String: Double].self, from: Data(contentsOf: Repository.file("Benchmarks/ceilings.json")))
            let rows = try PrimitiveBenchmark(workspace: workspace).rows(timeout: .seconds(120))
            for row in rows {
                let ceiling = try #require(ceilings[row.name], "\(row.name) has no ceiling")
                #expect(row.value > 0 && row.value <= ceiling, "\(row.name): \(row.value) of \(ceiling)")
            }
            #expect(Set(rows.map(\.name)) == Set(ceilings.keys))
            #expect(rows.count == ceilings.count)
            // A machine's RAM does not delay a component.
            let small = try #require(rows.first { $0.name == "boot.component" }).value
            let large = try #require(rows.first { $0.name == "boot.component-beside-6GiB" }).value
            #expect(abs(large - small) <= small / 100, "\(small) and \(large)")
            // A generated client and server cost as much as hand-written ones, which may order their tests differently.
            let typed = try #require(rows.first { $0.name == "ipc.call-reply.typed" }).value
            let hand = try #require(rows.first { $0.name == "ipc.call-reply.hand" }).value
            #expect(typed <= hand + 5, "\(typed) and \(hand)")
        }
    }
}
