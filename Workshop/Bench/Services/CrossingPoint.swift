/// Finds the point from which one way of doing some work takes less than another one.
enum CrossingPoint {
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
