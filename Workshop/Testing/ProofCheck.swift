import Foundation
import Synchronization
import SystemImage
import Tool

/// Checks the proofs of the kernel's cross-core paths (`Kernel/Proofs`) with spin.
///
/// A proof states its checks itself (`ProofRun`).
struct ProofCheck {
    /// The folder of the proofs, `*.pml`.
    let folder: URL
    /// The folder for the output of spin and the compiler, with a folder for each check.
    let scratch: URL
    /// The number of checks at once. A verifier has one thread, and needs up to 2 GiB.
    private static let width = min(ProcessInfo.processInfo.activeProcessorCount, 4)

    init(workspace: Workspace) {
        folder = workspace.root.appendingPathComponent("Kernel/Proofs")
        scratch = workspace.state.appendingPathComponent("proofs")
    }

    func run() throws -> TestResult {
        var result = TestResult(name: "Proofs", passed: 0, failed: 0)
        let proofs = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "pml" }.sorted { $0.path < $1.path }
        guard !proofs.isEmpty else { throw Failure("no proofs in \(folder.path)") }
        try? FileManager.default.removeItem(at: scratch)
        let plan = try proofs.map { ($0, ProofRun.runs(inProof: try String(contentsOf: $0, encoding: .utf8))) }
        let outcomes = try checkAll(plan.flatMap { proof, runs in runs.map { (proof, $0) } })
        var next = outcomes.startIndex
        for (proof, runs) in plan {
            for (run, outcome) in zip(runs, outcomes[next...]) {
                Progress.say("    \(proof.lastPathComponent) \(run.title): \(outcome.text)")
                if outcome.isAsExpected { result.passed += 1 } else { result.failed += 1 }
            }
            next += runs.count
            // A proof that is never checked, or cannot fail, proves nothing.
            for expectsError in [true, false] where !runs.contains(where: { $0.expectsError == expectsError }) {
                Progress.say("    \(proof.lastPathComponent): no check that must \(expectsError ? "fail" : "pass")")
                result.failed += 1
            }
        }
        return result
    }

    /// Runs several checks at once, and returns their outcomes in the order of the checks.
    private func checkAll(_ checks: [(proof: URL, run: ProofRun)]) throws -> [ProofOutcome] {
        let outcomes = Mutex<[Int: Result<ProofOutcome, any Error>]>([:])
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = Self.width
        for (index, check) in checks.enumerated() {
            queue.addOperation {
                let folder = scratch.appendingPathComponent("\(index)-\(check.proof.lastPathComponent)")
                let outcome = Result { try self.check(check.proof, check.run, in: folder) }
                outcomes.withLock { $0[index] = outcome }
            }
        }
        queue.waitUntilAllOperationsAreFinished()
        return try outcomes.withLock { all in try checks.indices.map { try all[$0]!.get() } }
    }

    /// Makes a verifier of the proof, runs it, and judges its report. The folder stays if the result is not as
    /// expected.
    private func check(_ proof: URL, _ run: ProofRun, in folder: URL) throws -> ProofOutcome {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let start = ContinuousClock.now
        _ = try Subprocess("spin", run.flags + ["-a", proof.path], directory: folder).text()
        // The compiler takes longer than the search where a deliberate error is found soon, and at -O2 also for a large
        // proof with few states. Searches of many states wait for memory, and gain nothing from -O2.
        let optimisation = run.expectsError ? "-O0" : "-O1"
        let kind = run.isFair ? [] : ["-DSAFETY"]
        _ = try Subprocess("gcc", [optimisation, "-w"] + kind + ["-o", "pan", "pan.c"], directory: folder).text()
        let verifier = folder.appendingPathComponent("pan").path
        let report = try Subprocess(verifier, ["-m1000000"] + (run.isFair ? ["-a", "-f"] : []), directory: folder)
            .text()
        var outcome = ProofOutcome(report: report, run: run, duration: ContinuousClock.now - start)
        if outcome.isAsExpected {
            try FileManager.default.removeItem(at: folder)
        } else {
            outcome.text += "; see \(folder.path)"
        }
        return outcome
    }
}

/// One check of a proof: a line `// check: pass|fail [fair] [-DNAME...] [the fault]` in it.
///
/// `fail` means that the proof has a deliberate error with these definitions, which the verifier must find. `fair`
/// means a liveness check, under weak fairness, of the proof's `ltl` claim (which the proof has if FAIR is defined).
/// Otherwise the verifier checks assertions and deadlocks.
struct ProofRun: Equatable {
    var expectsError: Bool
    var isFair: Bool
    var flags: [String]

    var title: String { flags.isEmpty ? "as it is" : flags.joined(separator: " ") }

    static func runs(inProof text: String) -> [ProofRun] {
        text.split(separator: "\n").compactMap { line in
            guard let match = line.wholeMatch(of: /\/\/ check: (pass|fail)( fair)?((?: +-D\S+)*).*/) else { return nil }
            let isFair = match.2 != nil
            return ProofRun(
                expectsError: match.1 == "fail", isFair: isFair,
                flags: (isFair ? ["-DFAIR"] : []) + match.3.split(separator: " ").map(String.init))
        }
    }
}

/// The finding of a verifier.
struct ProofOutcome: Equatable {
    var isAsExpected: Bool
    var text: String

    init(report: String, run: ProofRun, duration: Duration) {
        let states =
            report.firstMatch(of: /(\S+) states, stored/).map { "\($0.1) states, \(duration.seconds) s" } ?? "no states"
        let problem = ProofOutcome.problem(inReport: report)
        if run.expectsError {
            // Only a violated claim counts, and not a search that was given up.
            let found = report.firstMatch(of: /pan:1: (assertion violated|acceptance cycle|invalid end state).*/)
            isAsExpected = found != nil
            text = found.map { "finds the error (\($0.0.dropFirst(7))); \(states)" } ?? "error not found; \(states)"
        } else {
            isAsExpected = problem == nil
            text = problem.map { "error: \($0); \(states)" } ?? "no error; \(states)"
        }
    }

    /// Returns the reason for which a report does not prove success, or nil.
    private static func problem(inReport report: String) -> String? {
        if let violation = report.firstMatch(of: /pan:1: (.*)/) { return String(violation.1) }
        guard report.contains(/errors: 0\b/) else { return "the verifier did not finish" }
        if let warning = report.firstMatch(
            of: /error: max search depth.*|Warning: Search not completed|pan: out of memory/)
        {
            return String(warning.0)
        }
        return unreachedClaim(inReport: report).map { "claim not reached: \($0)" }
    }

    /// Returns a claim (a statement of the process `watch`, or of a never claim) that no execution reached. `-end-`
    /// does not count.
    static func unreachedClaim(inReport report: String) -> String? {
        var isClaim = false
        for line in report.split(separator: "\n") {
            if line.hasPrefix("unreached in ") {
                isClaim = line.hasSuffix(" watch") || line.hasPrefix("unreached in claim")
            } else if isClaim, line.hasPrefix("\t"), line.contains(", state "), !line.contains("-end-") {
                return line.trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }
}
