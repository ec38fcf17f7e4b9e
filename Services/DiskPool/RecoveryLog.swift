/// Memory that outlives the component, and that holds the map changes since the last commit.
///
/// A change is in the log before the request that made it is answered. If the component dies, its next life replays
/// the log and thereby has every acknowledged change, although none of them was committed. The entries name the commit
/// that they follow, so that a finished commit makes all of them void at once.
///
/// The owner must clear the memory when the board restarts, because the log supposes that the device has lost nothing.
/// It must also wait until the device has finished all requests of the life before.
public protocol RecoveryLog {
    /// The number of entries; at least `PoolLayout.minimumLogEntries`, or 0 if there is no log.
    var capacity: Int { get }
    /// Returns a word. An entry has eight words.
    func load(_ index: Int) -> UInt32
    mutating func store(_ index: Int, _ word: UInt32)
}

/// A log for owners that cannot die without the device: the host tool, and tests.
public struct NoRecoveryLog: RecoveryLog {
    public init() {}
    public var capacity: Int { 0 }
    public func load(_ index: Int) -> UInt32 { 0 }
    public mutating func store(_ index: Int, _ word: UInt32) {}
}

/// A change of one entry of a disk's map.
struct RecoveryEntry: Equatable {
    static let words = 8

    var record: Int
    /// The virtual unit.
    var unit: UInt32
    /// The entry after the change. Its birth is not recorded.
    var entry: MapEntry
}

extension RecoveryLog {
    /// Writes an entry behind those of the same commit.
    mutating func append(_ entry: RecoveryEntry, at index: Int, generation: UInt64, key: UInt64) {
        let words: [8 of UInt32] = [
            UInt32(truncatingIfNeeded: generation), UInt32(truncatingIfNeeded: generation >> 32),
            UInt32(entry.record) << 22 | UInt32(index), entry.unit, entry.entry.unit, entry.entry.valid,
            entry.entry.check, 0,
        ]
        for position in 0..<7 { store(RecoveryEntry.words * index + position, words[position]) }
        store(RecoveryEntry.words * index + 7, RecoveryEntry.check(words, key: key))
    }

    /// Returns the entry at an index if it follows this commit; otherwise nil.
    func entry(at index: Int, generation: UInt64, key: UInt64) -> RecoveryEntry? {
        var words: [8 of UInt32] = [0, 0, 0, 0, 0, 0, 0, 0]
        for position in 0..<7 { words[position] = load(RecoveryEntry.words * index + position) }
        guard load(RecoveryEntry.words * index + 7) == RecoveryEntry.check(words, key: key),
            words[0] == UInt32(truncatingIfNeeded: generation),
            words[1] == UInt32(truncatingIfNeeded: generation >> 32), words[2] & 0x3F_FFFF == UInt32(index)
        else { return nil }
        return RecoveryEntry(
            record: Int(words[2] >> 22), unit: words[3],
            entry: MapEntry(unit: words[4], birth: 0, valid: words[5], check: words[6]))
    }
}

extension RecoveryEntry {
    /// Returns a checksum that differs for each pool. A hash of one word at a time suffices, because the log guards
    /// against an entry that was half written and not against worn memory.
    static func check(_ words: [8 of UInt32], key: UInt64) -> UInt32 {
        var hash = key ^ 0x9E37_79B9_7F4A_7C15
        for index in 0..<7 {
            hash = (hash ^ UInt64(words[index])) &* 0xD6E8_FEB8_6659_FD93
            hash ^= hash >> 32
        }
        return UInt32(truncatingIfNeeded: hash)
    }
}
