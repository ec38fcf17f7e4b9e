import Tool

/// The mutants that no test noticed, and the score of each area.
struct MutantReport {
    let outcomes: [(mutant: Mutant, fate: MutantFate)]
    let candidates: Int
    let equivalent: Int
    /// The seed of the sample, or nil if all mutants were tried.
    var seed: UInt64?

    private var variants: [(mutant: Mutant, fate: MutantFate)] { outcomes.filter { $0.mutant.isVariant } }
    private var made: [(mutant: Mutant, fate: MutantFate)] { outcomes.filter { !$0.mutant.isVariant } }

    /// The result. A variant that no test notices is a failure, because tests were written for each of them.
    var result: TestResult {
        let noticed = variants.count { $0.fate.isNoticed }
        return TestResult(name: "Mutants written by hand", passed: noticed, failed: variants.count - noticed)
    }

    var text: String {
        var lines: [String] = []
        for (mutant, fate) in outcomes where !fate.isNoticed {
            lines.append("\(mutant.file):\(mutant.line): in \(mutant.function): \(mutant.change)")
            if fate == .unreached { lines.append("    no test reaches this function") }
        }
        lines.append("")
        lines.append("area          mutants   noticed    score")
        for area in MutantArea.allCases {
            lines += row(area.rawValue, made.filter { $0.mutant.area == area }.map(\.fate))
        }
        lines += row("all", made.map(\.fate))
        lines += row("by hand", variants.map(\.fate))
        if let seed { lines.append("The seed of the sample is \(seed).") }
        lines.append("The operators make \(candidates) mutants; \(equivalent) change nothing that matters.")
        return lines.joined(separator: "\n")
    }

    private func row(_ title: String, _ fates: [MutantFate]) -> [String] {
        guard !fates.isEmpty else { return [] }
        let noticed = fates.count { $0.isNoticed }
        let score = (Double(noticed) / Double(fates.count) * 1000).rounded() / 10
        return [
            title.padded(12) + String(fates.count).paddedLeft(9) + String(noticed).paddedLeft(10)
                + "\(score) %".paddedLeft(9)
        ]
    }
}

extension Mutant {
    var isVariant: Bool { key.hasPrefix("variant ") }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    fileprivate func paddedLeft(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
