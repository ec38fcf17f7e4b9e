import Foundation
import SystemImage
import Tool

/// Activates mutants one at a time, and checks that the tests notice them: `./entente test --mutants`.
struct MutantCheck: Sendable {
    let workspace: Workspace
    var areas: [MutantArea] = MutantArea.allCases
    /// The number of mutants to try beside those that are written by hand; nil for all.
    var sample: Int?
    /// The number of mutants to try of those that are written by hand; nil for all. All of them are made, because it is
    /// an error if the text of one no longer occurs.
    var variantSample: Int?
    var seed: UInt64 = 1

    /// A test program that holds the mutants.
    struct Prepared: Sendable {
        var program: TestProgram
        var mutants: [Mutant]
        /// The variants that are tried, by their keys.
        var variants: [String: MutantVariants.Entry]
        var candidates: Int
        var equivalent: Int
    }

    func run() throws -> MutantReport { try run(prepare()) }

    /// Builds the test program. It uses one thread most of the time, so that other work can run beside it.
    func prepare() throws -> Prepared {
        let folder = workspace.root.appendingPathComponent("Tests/Mutants")
        let variants = try MutantVariants(in: folder).entries
        let equivalent = try EquivalentMutants(in: folder)
        var package = try Progress.step("Copying the package") {
            try MutatedPackage(workspace: workspace, variants: variants)
        }
        let candidates = try package.candidates(in: areas)
        try check(equivalent, candidates)
        let wanted = choose(sample, of: candidates.map(\.key).filter { !equivalent.keys.contains($0) })
        let made = try Progress.step("Building the tests with \(wanted.count + variants.count) mutants") {
            try package.build(wanted)
        }
        let tried = Set(choose(variantSample, of: variants.map(\.key)))
        let isVariant = Set(variants.map(\.key))
        return Prepared(
            program: TestProgram(path: package.program.path),
            mutants: made.filter { !isVariant.contains($0.key) || tried.contains($0.key) },
            variants: Dictionary(uniqueKeysWithValues: variants.filter { tried.contains($0.key) }.map { ($0.key, $0) }),
            candidates: candidates.count, equivalent: equivalent.entries.count)
    }

    /// Tries each mutant.
    func run(_ prepared: Prepared) throws -> MutantReport {
        let (program, mutants, byKey) = (prepared.program, prepared.mutants, prepared.variants)
        // Any test may notice a mutant that the operators make.
        let hasVariantsOnly = mutants.count == byKey.count
        let patterns = try hasVariantsOnly ? byKey.values.map { try Regex($0.tests) } : []
        let tests = try program.list().filter { name in patterns.isEmpty || patterns.contains { name.contains($0) } }
        let reach = try Progress.step("Running each of \(tests.count) tests by itself") {
            try TestReach(program, tests: tests, scratch: workspace.build.appendingPathComponent("mutants"))
        }
        for name in reach.unreliable { Progress.say("    \(name) fails without a mutant, and is left out") }
        guard reach.unreliable.count < 10 else { throw Failure("too many tests fail without a mutant") }
        let trial = MutantTrial(program: program, reach: reach)
        let counter = TrialCounter(total: mutants.count)
        let fates = try Progress.step("Trying \(mutants.count) mutants") {
            try Parallel.map(mutants) { mutant in
                let fate = try trial.fate(of: mutant, noticedBy: byKey[mutant.key]?.tests)
                counter.count(mutant, fate)
                return fate
            }
        }
        return MutantReport(
            outcomes: Array(zip(mutants, fates)), candidates: prepared.candidates, equivalent: prepared.equivalent,
            seed: sample == nil ? nil : seed)
    }

    /// Checks the list of equivalent mutants, because a reason for a mutant that is no longer made is out of date.
    private func check(_ equivalent: EquivalentMutants, _ candidates: [Mutant]) throws {
        let keys = Set(candidates.map(\.key))
        let folders = areas.map { $0.folder + "/" }
        let lost = equivalent.entries.filter { entry in
            folders.contains { entry.file.hasPrefix($0) } && !keys.contains(entry.key)
        }
        guard lost.isEmpty else {
            throw Failure(
                "Tests/Mutants/equivalent*.yaml lists \(lost.count) mutants that no operator makes:\n"
                    + lost.map(\.key).joined(separator: "\n"),
                remedy: "remove them, or write them as the report prints them")
        }
    }

    private func choose(_ number: Int?, of keys: [String]) -> [String] {
        guard let number, number < keys.count else { return keys }
        var generator = SeededGenerator(seed: seed)
        return Array(keys.shuffled(using: &generator).prefix(number))
    }
}

/// Determines the fate of one mutant.
struct MutantTrial: Sendable {
    let program: TestProgram
    let reach: TestReach

    /// Runs tests until one notices the mutant.
    ///
    /// - Parameter tests: a regular expression over the tests that must notice it; nil if any test may.
    func fate(of mutant: Mutant, noticedBy tests: String?) throws -> MutantFate {
        let named = try tests.map { try Regex($0) }
        var batches = reach.batches(reaching: mutant.functionNumber)
        if let named {
            batches = batches.map { $0.filter { $0.name.contains(named) } }.filter { !$0.isEmpty }
        }
        guard !batches.isEmpty else { return .unreached }
        for batch in batches {
            let usual = batch.reduce(0) { $0 + $1.seconds }
            let outcome = try program.run(
                batch.map(\.name), environment: ["ENTENTE_MUTANT": String(mutant.number)],
                processorTime: 3 * usual, time: max(20, 6 * usual))
            switch outcome {
            case .passed: continue
            case .failed(let test): return .failed(test: test)
            case .trapped: return .trapped
            case .endless: return .endless
            }
        }
        return .survived
    }
}

/// Prints the progress of the trials.
private final class TrialCounter: @unchecked Sendable {
    private let lock = NSLock()
    private let total: Int
    private var done = 0
    private var survived = 0

    init(total: Int) { self.total = total }

    func count(_ mutant: Mutant, _ fate: MutantFate) {
        lock.withLock {
            done += 1
            if !fate.isNoticed {
                survived += 1
                Progress.say("    not noticed: \(mutant.file):\(mutant.line): \(mutant.change.prefix(200))")
            }
            if done % 100 == 0 { Progress.say("    \(done) of \(total), \(survived) not noticed") }
        }
    }
}

/// A generator that gives the same sample for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
