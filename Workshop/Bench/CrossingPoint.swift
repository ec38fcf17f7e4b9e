/// Finds the point from which on one way of doing some work is no dearer than another, according to measurements of a
/// few sizes.
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

    /// Returns the smallest size of a batch from which on each larger one takes less than `limit` for one request.
    ///
    /// - Parameter costs: the costs of one request in batches, by their sizes.
    /// - Returns: nil if even the largest batch takes as much.
    static func batch(_ costs: [Int: Double], below limit: Double) -> Int? {
        costs.keys.sorted(by: >).prefix { costs[$0].map { $0 < limit } ?? false }.last
    }

    /// Returns the share of hits above which a cache with costly misses takes less than a way that always costs the
    /// same.
    ///
    /// - Returns: nil if the cache takes less, or more, at each share.
    static func hits(hit: Double, miss: Double, constant: Double) -> Double? {
        guard hit < constant, constant < miss else { return nil }
        return (miss - constant) / (miss - hit)
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
