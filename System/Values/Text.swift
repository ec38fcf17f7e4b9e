/// Returns `0x` and the hexadecimal digits, as debuggers print addresses.
func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

extension String {
    /// The text, shortened so that an error can quote it.
    var shortened: String { count <= 60 ? self : prefix(57) + "..." }

    /// Returns the one of `candidates` that a typing mistake could have turned into this text, or nil if none is
    /// similar.
    func nearest(in candidates: [String]) -> String? {
        let nearest = candidates.map { ($0, editDistance(to: $0)) }.min { $0.1 < $1.1 }
        guard let (candidate, distance) = nearest, distance <= max(1, candidate.count / 3) else { return nil }
        return candidate
    }

    /// Returns the number of characters to insert, delete, replace or swap with their neighbour.
    private func editDistance(to other: String) -> Int {
        let (a, b) = (Array(lowercased().prefix(64)), Array(other.lowercased()))
        var rows = [Array(0...b.count)]
        for i in 1..<(a.count + 1) {
            var row = [i]
            for j in 1..<(b.count + 1) {
                let replaced = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                var best = Swift.min(row[j - 1] + 1, rows[i - 1][j] + 1, replaced)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    best = Swift.min(best, rows[i - 2][j - 2] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}

/// Returns the words as `a, b and c`.
func enumerated(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
}
