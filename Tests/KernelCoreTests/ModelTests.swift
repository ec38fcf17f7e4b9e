import ABI
import Foundation
import TestSupport
import Testing

@testable import KernelCore

/// Compares random operations of several tenants on several cores with the reference.
///
/// `ENTENTE_TEST_OPERATIONS` is the number of all operations; otherwise `TestLength` gives it. A failure prints its
/// seed and the shortest script that still fails, which `ModelTests.difference` takes.
@Suite struct ModelTests {
    private static let operations = TestLength.number("ENTENTE_TEST_OPERATIONS")
    private static let length = 4000

    @Test func theKernelDoesWhatTheReferenceSays() {
        // A run that should be fast compares now and then. A run that failed is played again with all comparisons.
        let stride = Self.operations ?? 0 > 1_000_000 ? 8 : 4
        var done: [UInt64: Int] = [:]
        let begin = Date()
        let scripts =
            Self.operations.map { ($0 + Self.length - 1) / Self.length } ?? TestLength.count(short: 8, long: 50)
        for seed in TestLength.seeds(short: scripts, long: scripts) {
            var steps: [ModelStep] = []
            guard let difference = Self.play(seed, stride, &steps, &done) else { continue }
            let shortest = shrink(steps) { Self.difference($0, usesFastPath: seed % 4 != 0) != nil }
            Issue.record(
                """
                seed \(seed), step \(steps.count): \(difference)
                shortest:
                \(shortest.map { "  \($0)" }.joined(separator: "\n"))
                \(Self.difference(shortest, usesFastPath: seed % 4 != 0) ?? "")
                """)
            return
        }
        let seconds = Date().timeIntervalSince(begin)
        print(
            "\(scripts * Self.length) steps in \(Int(seconds)) s: \(Int(Double(scripts * Self.length) / seconds)) a second"
        )
        let operations: [ABI.Operation] = [
            .call, .replyWait, .signal, .poll, .copy, .create, .derive, .revoke, .map, .contextControl,
            .notificationBind,
            .scheduleControl,
        ]
        print(operations.map { "\($0) \(done[$0.rawValue] ?? 0)" }.joined(separator: ", ") + " times done")
        // A script whose operations all fail at the first check would prove nothing.
        for operation in operations { #expect(done[operation.rawValue] ?? 0 > 0, "\(operation) was never done") }
    }

    private static func play(
        _ seed: UInt64, _ stride: Int, _ steps: inout [ModelStep], _ done: inout [UInt64: Int]
    ) -> String? {
        let run = ModelRun(stride: stride, usesFastPath: seed % 4 != 0)
        var generator = ModelGenerator(seed: seed)
        if let difference = run.broken(compares: true, checksInvariants: true) {
            return "at the beginning: \(difference)"
        }
        for _ in 0..<length {
            let step = generator.next(run.model, current: run.currentThreads())
            steps.append(step)
            if let difference = run.play(step) { return difference }
        }
        done.merge(run.done, uniquingKeysWith: +)
        return run.takeEverythingBack()
    }

    /// Returns the difference after a script, with a comparison after each step.
    static func difference(_ steps: [ModelStep], usesFastPath: Bool = true) -> String? {
        let run = ModelRun(usesFastPath: usesFastPath)
        for step in steps {
            if let difference = run.play(step) { return difference }
        }
        return run.broken(compares: true, checksInvariants: true) ?? run.takeEverythingBack()
    }
}
