import ABI
import Yams

extension ManifestSection {
    /// Returns the allowance of `budget` and `period`, and reports one that stands without the other.
    func timeAllowance() -> TimeAllowance {
        for (key, other) in [("budget", "period"), ("period", "budget")] where has(key) && !has(other) {
            report(
                at: key, "\(title) has '\(key)' but no '\(other)', but each needs the other",
                remedy: "add '\(other)', or remove '\(key)'")
        }
        guard let budget = time("budget", example: "100us"),
            let period = time("period", example: "1ms")
        else { return .unlimited }
        if budget > period {
            report(
                at: "budget",
                "'budget' of \(title) is \(TimeSpan(nanoseconds: budget)), more than its 'period' of "
                    + "\(TimeSpan(nanoseconds: period))",
                remedy: "write a budget that fits the period, or remove both for no limit")
        }
        return TimeAllowance(budget: budget, period: period)
    }

    /// Returns a length of time in nanoseconds.
    private func time(_ key: String, example: String) -> UInt64? {
        let range = durations(key)
        guard let node = node(key) else { return nil }
        let remedy = "write '\(key): \(example)', for example; units are ns, us, ms and s"
        guard let time = node.text.flatMap(TimeSpan.init) else {
            source.report(
                at: node,
                "'\(key)' of \(title) is \(node.kindDescription), but a length of time with its unit is expected",
                remedy: remedy)
            return nil
        }
        guard range.contains(time.nanoseconds) else {
            source.report(
                at: node,
                "'\(key)' of \(title) is \(time), outside \(TimeSpan(nanoseconds: range.lowerBound)) to "
                    + "\(TimeSpan(nanoseconds: range.upperBound))",
                remedy: remedy)
            return nil
        }
        return time.nanoseconds
    }
}
