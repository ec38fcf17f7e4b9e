/// The size of an item from which on one way to move data is no dearer than another, according to items of a few
/// sizes.
enum CrossingPoint {
    /// Returns the least of the measured sizes from which on `second` is no dearer than `first`.
    ///
    /// - Parameters:
    ///   - first: the costs of the way that is cheaper for small items, by size.
    ///   - second: those of the other way. Sizes that only one of them has are left out.
    /// - Returns: nil if the first way is not cheaper for the smallest items, or is cheaper for the largest ones.
    static func size(_ first: [Double: Double], _ second: [Double: Double]) -> Double? {
        let sizes = first.keys.filter { second[$0] != nil }.sorted()
        guard let last = sizes.lastIndex(where: { first[$0, default: 0] < second[$0, default: 0] }) else { return nil }
        return last + 1 < sizes.count ? sizes[last + 1] : nil
    }
}

extension [BenchRow] {
    /// The costs of the rows `PREFIX.SIZE`, by size.
    func costs(of prefix: String) -> [Double: Double] {
        let pairs = compactMap { row -> (Double, Double)? in
            guard row.name.hasPrefix(prefix + "."), let size = Double(row.name.dropFirst(prefix.count + 1)) else {
                return nil
            }
            return (size, row.value)
        }
        return Dictionary(pairs) { $1 }
    }
}
