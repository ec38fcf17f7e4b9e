import Foundation
import Testing

@testable import KernelCore

/// Random scripts against the reference. A failure prints the seed and the shortest script that still fails.
@Suite struct VirtualInterruptModelTests {
    @Test(arguments: [false, true])
    func theKernelLooksLikeAnInterruptController(nests: Bool) {
        let first = ProcessInfo.processInfo.environment["ENTENTE_TEST_SEED"].flatMap { UInt64($0) } ?? 1
        for seed in first..<first + 60 {
            var generator = SeededGenerator(seed: seed)
            let script = InterruptScript.random(length: 250, nests: nests, &generator)
            guard let difference = InterruptRun.difference(script) else { continue }
            let shortest = shrink(script) { InterruptRun.difference($0) != nil }
            Issue.record(
                "seed \(seed): \(difference)\nshortest: \(shortest)\n\(InterruptRun.difference(shortest) ?? "")")
            return
        }
    }
}
