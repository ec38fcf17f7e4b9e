/// Limits the lines that each party can cause in a log, so that one party's failures hide nobody else's.
///
/// A party is a client or a disk of the board, by its number. Each has `perSecond` lines in a second of its own.
public struct LineLimit {
    private struct Party {
        var second: UInt64 = 0
        var lines = 0
        var omitted = 0
    }

    private let perSecond: Int
    private var parties: [Party]

    /// - Parameters:
    ///   - perSecond: the lines that a party can cause in a second.
    ///   - parties: the number of parties.
    public init(perSecond: Int, parties: Int) {
        self.perSecond = perSecond
        self.parties = Array(repeating: Party(), count: parties)
    }

    /// Returns nil if the party's line must be left out, and otherwise the number of its lines that were left out in
    /// the seconds before this one and that nobody has been told of.
    ///
    /// - Parameters:
    ///   - party: the party that causes the line. A number out of range admits nothing.
    ///   - second: the present time in seconds.
    public mutating func admit(party: Int, second: UInt64) -> Int? {
        guard parties.indices.contains(party) else { return nil }
        var omitted = 0
        if parties[party].second != second {
            omitted = parties[party].omitted
            parties[party] = Party(second: second)
        }
        guard parties[party].lines < perSecond else {
            parties[party].omitted += 1
            return nil
        }
        parties[party].lines += 1
        return omitted
    }
}
