import Foundation
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// Budgets hold, and a control loop beside a machine under full load keeps the promises of
    /// `Benchmarks/realtime.json`.
    @Suite(.serialized) struct RealtimeTests {
        @Test func aBudgetLeavesTheRestToOthers() throws {
            let system = try RunningSystem("Tests/Systems/budget.yaml")
            try system.wait(for: "crash: now", on: "spin")
            #expect(try system.run("echo fine", on: "debian", timeout: .seconds(120)).output == "fine\n")
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }

        @Test func theLoopMissesNothingBesideAMachineUnderLoad() throws {
            let workspace = Workspace(root: Repository.root)
            let folder = workspace.state.appendingPathComponent("entries-\(UUID().uuidString)")
            setenv(EntryCounter.variable, folder.path, 1)
            defer {
                unsetenv(EntryCounter.variable)
                try? FileManager.default.removeItem(at: folder)
            }
            let result = try RealtimeBenchmark(workspace: workspace, periods: 300).run(timeout: .seconds(300))
            let rows = try result.rows + EntryRecords(folder: folder).rows
            let ceilings = try JSONDecoder().decode(
                [String: Double].self, from: Data(contentsOf: Repository.file("Benchmarks/realtime.json")))
            for (name, ceiling) in ceilings {
                let row = try #require(rows.first { $0.name == name }, "\(name) was not measured")
                #expect(row.value <= ceiling, "\(name): \(row.value) of \(ceiling)")
            }
            #expect(
                rows.contains(
                    BenchRow("realtime.control.periods", Double(300 + RealtimeBenchmark.bootPeriods), unit: "periods")))
            #expect(rows.contains(BenchRow("realtime.linux-fifo.periods", 300, unit: "periods")))
        }
    }
}
