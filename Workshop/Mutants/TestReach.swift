import Foundation
import Tool

/// For each test, its usual time and the functions that it reaches.
struct TestReach: Sendable {
    struct Test: Sendable {
        var name: String
        var seconds: Double
        var functions: Set<Int>
    }

    let tests: [Test]

    /// The tests that failed without a mutant, so that they can notice none.
    let unreliable: [String]

    /// Runs each test by itself, without a mutant.
    init(_ program: TestProgram, tests names: [String], scratch: URL) throws {
        let results = try Parallel.map(names) { name -> (name: String, test: Test?) in
            let file = scratch.appendingPathComponent("reached-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: file) }
            let start = ContinuousClock.now
            let outcome = try program.run(
                [name], environment: ["ENTENTE_MUTANTS_REACHED": file.path], processorTime: 120, time: 300)
            guard outcome == .passed else { return (name, nil) }
            // A test that reaches no function with mutants leaves no file.
            let bytes = (try? Data(contentsOf: file)) ?? Data()
            let functions = bytes.indices.filter { bytes[$0] != 0 }.map { $0 - bytes.startIndex }
            let seconds = (ContinuousClock.now - start).inSeconds
            return (name, Test(name: name, seconds: seconds, functions: Set(functions)))
        }
        tests = results.compactMap(\.test)
        unreliable = results.filter { $0.test == nil }.map(\.name)
    }

    /// Returns the tests that reach a function, the fast ones first, in at most two batches.
    func batches(reaching function: Int) -> [[Test]] {
        let reaching = tests.filter { $0.functions.contains(function) }.sorted { $0.seconds < $1.seconds }
        let quick = reaching.prefix { $0.seconds < 0.1 }
        return [Array(quick), Array(reaching.dropFirst(quick.count))].filter { !$0.isEmpty }
    }
}
