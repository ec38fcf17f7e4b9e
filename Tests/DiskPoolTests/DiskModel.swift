/// The contents that a disk of a trial may have.
///
/// A trial writes to two ranges of a disk: one at its beginning, and one at the border of two leaves of its map. It
/// fills each sector with one number.
struct DiskModel {
    var sectors: UInt64
    var isSnapshot = false
    /// For each sector of the ranges, the present number.
    private(set) var present = [UInt32](repeating: 0, count: DiskModel.count)
    /// The numbers that a power cut may bring back, each with the change that replaced it.
    private var older: [Int: [(value: UInt32, change: Int)]] = [:]
    /// The sectors of failed writes, which may have any of these numbers at once.
    private var unsure: Set<Int> = []

    static let count = 768
    private static let half = 384
    private static let second = 32640

    init(sectors: UInt64) { self.sectors = sectors }

    /// Returns the sector of an index.
    static func sector(_ index: Int) -> UInt64 { UInt64(index < half ? index : second + index - half) }

    /// Returns the index of a sector.
    static func index(_ sector: UInt64) -> Int { Int(sector) < half ? Int(sector) : half + Int(sector) - second }

    /// The indices of the sectors that the disk has.
    var indices: Range<Int> {
        0..<(sectors > UInt64(Self.second) ? min(Self.count, Self.half + Int(sectors) - Self.second) : Self.half)
    }

    mutating func write(_ index: Int, _ value: UInt32, change: Int) {
        older[index, default: []].append((present[index], change))
        present[index] = value
    }

    /// A write of the sector has failed, so that it was perhaps not performed.
    mutating func doubt(_ index: Int) { unsure.insert(index) }

    /// Everything up to a change is durable.
    mutating func harden(_ indices: some Sequence<Int>, upTo change: Int) {
        for index in indices where !unsure.contains(index) { older[index]?.removeAll { $0.change <= change } }
    }

    mutating func hardenAll() { harden(Array(older.keys), upTo: .max) }

    /// Returns whether a sector may have a value.
    ///
    /// - Parameter isOpen: true if the power was cut, or if a request is changing the sector.
    func allows(_ index: Int, _ value: UInt32, isOpen: Bool) -> Bool {
        if value == present[index] { return true }
        return (isOpen || unsure.contains(index)) && (older[index] ?? []).contains { $0.value == value }
    }

    /// Takes what was read after a cut as the truth.
    ///
    /// - Parameter isDurable: false if the device has not been cut, so that a later cut may still bring older contents.
    mutating func settle(_ index: Int, _ value: UInt32, isDurable: Bool) {
        if isDurable {
            older[index] = nil
        } else if value != present[index] {
            older[index, default: []].append((present[index], .max))
        }
        present[index] = value
        unsure.remove(index)
    }

    func describe(_ index: Int) -> String { "\(present[index]), before \((older[index] ?? []).map(\.value))" }
}
