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
            try expectNoGrowth(of: rows)
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

        /// No primitive costs over 2 % more than `Benchmarks/counts.json` says, which changes only in a commit that
        /// makes one dearer on purpose. With `ENTENTE_UPDATE_EXPECTED` the file is written instead.
        private func expectNoGrowth(of rows: [BenchRow]) throws {
            let file = Repository.file("Benchmarks/counts.json")
            if ProcessInfo.processInfo.environment["ENTENTE_UPDATE_EXPECTED"] != nil {
                return try PrimitiveCounts(rows).write(to: file)
            }
            let growth = try PrimitiveCounts(file: file).growth(to: rows)
            #expect(growth == [], "a dearer primitive needs a new Benchmarks/counts.json in the same commit")
        }

        /// A request of a machine's disk costs no more than `Benchmarks/disk.json` promises, in the parts of Entente.
        /// The guest's own instructions depend on the times at which the host's disk answers.
        @Test(arguments: [RequestBenchmark.Subject.whole, .pool, .cores])
        func everyRequestKeepsBelowItsCeiling(_ subject: RequestBenchmark.Subject) throws {
            let ceilings = try JSONDecoder().decode(
                [String: [String: Double]].self, from: Data(contentsOf: Repository.file("Benchmarks/disk.json")))
            var benchmark = RequestBenchmark(workspace: Workspace(root: Repository.root))
            benchmark.timeout = .seconds(900)
            let costs = try benchmark.costs(of: subject)
            for (task, cost) in zip(subject.tasks, costs) where task != "sync1" {
                let ceiling = try #require(ceilings[subject.rawValue]?[task], "\(task) has no ceiling")
                let added = cost.total - cost[RequestCost.guest]
                #expect(added > 0 && added <= ceiling, "\(task): \(added) of \(ceiling)")
                // The programs of the data path are told apart from the guest.
                for part in ["Kernel", "Backend", "BlockDriver"] { #expect(cost[part] > 0, "\(part)") }
                // A whole disk's requests do not pass through storage.
                #expect(subject == .pool ? cost["Storage"] > 0 : cost["Storage"] == 0)
            }
            let ways = try #require(costs.first).latencies
            #expect(ways.count == (subject == .cores ? 3 : 2))
            for way in ways {
                let ceiling = try #require(ceilings[subject.rawValue]?[way.name], "\(way.name) has no ceiling")
                #expect(way.instructions > 0 && way.instructions <= ceiling, "\(way)")
            }
        }

        /// A snapshot and a clone of a running machine's disk cost the same whatever was written before, and a read at
        /// the end of a chain of snapshots costs what one without costs.
        @Test func snapshotsTakeConstantTime() throws {
            var benchmark = SnapshotBenchmark(workspace: Workspace(root: Repository.root), count: 500)
            benchmark.timeout = .seconds(900)
            let (small, large) = (try benchmark.result(written: 4), try benchmark.result(written: 128))
            for step in SnapshotBenchmark.Step.allCases where step.isOrder {
                let less = try #require(small.costs[step]?["Storage"])
                let more = try #require(large.costs[step]?["Storage"])
                #expect(less > 0 && abs(more / less - 1) <= 0.1, "\(step): \(less) and \(more)")
            }
            for part in ["Storage", "Backend", "BlockDriver"] {
                let read = try #require(large.costs[.read]?[part])
                let readOfChain = try #require(large.costs[.readOfChain]?[part])
                #expect(read > 0 && readOfChain <= 1.05 * read, "\(part): \(read) and \(readOfChain)")
            }
        }
    }
}
