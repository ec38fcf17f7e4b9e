/// The comparison of an operation that is checked at each use with a binding that was checked once.
struct Payback: Equatable {
    var kind: String
    /// The instructions of one use that is checked.
    var checked: Double
    /// The instructions of one use of the binding.
    var bound: Double
    /// The instructions of the binding itself.
    var bind: Double

    /// The least number of uses after which the binding has cost less in all, or nil if each of its uses costs no less
    /// than a checked one.
    var uses: Double? {
        guard checked > bound else { return nil }
        return (bind / (checked - bound)).rounded(.down) + 1
    }

    /// `checked.KIND`, `bound.KIND` and `bind.KIND`, what a use saves, and `payback.KIND` if there is one.
    var rows: [BenchRow] {
        [
            BenchRow("checked.\(kind)", checked), BenchRow("bound.\(kind)", bound), BenchRow("bind.\(kind)", bind),
            BenchRow("saving.\(kind)", checked - bound),
        ] + (uses.map { [BenchRow("payback.\(kind)", $0, unit: "uses")] } ?? [])
    }
}

extension Payback {
    /// Compares by rows of programs. Returns nil if one of them is missing.
    init?(_ kind: String, in rows: [BenchRow], checked: [String], bound: String?, bind: [String]) {
        func sum(_ names: [String]) -> Double? {
            let values = names.compactMap { name in rows.first { $0.name == name }?.value }
            return values.count == names.count ? values.reduce(0, +) : nil
        }
        guard let checked = sum(checked), let bound = sum(bound.map { [$0] } ?? []), let bind = sum(bind) else {
            return nil
        }
        self.init(kind: kind, checked: checked, bound: bound, bind: bind)
    }
}
