/// Rows that several experiments of one session need. The first one measures them.
final class SharedRows {
    private var rows: [String: [BenchRow]] = [:]

    /// Returns the rows of a name, and measures them if nobody has done so before. If that fails, the next one tries
    /// again.
    func rows(_ name: String, _ measure: () throws -> [BenchRow]) rethrows -> [BenchRow] {
        if let known = rows[name] { return known }
        let measured = try measure()
        rows[name] = measured
        return measured
    }
}
