/// The counts and the queues of free units. The bits themselves lie in the pool's memory.
///
/// A unit that is freed goes through `freed`, `draining` and, if the device takes discards, `discarding`, before it can
/// be allocated again.
struct SpaceMap {
    let units: UInt32
    /// The units that can be allocated now.
    var free: UInt32 = 0
    /// For each group of units, the number of those that can be allocated now.
    var groups: [UInt32]
    /// The units that disks have reserved and not yet used.
    var promised: UInt64 = 0
    /// Units freed since the last commit. The committed structures may still refer to them.
    var freed: [UInt32] = []
    /// Units freed before the last commit, which requests of an earlier era may still access.
    var draining: [UInt32] = []
    var drainingEra: UInt64 = 0
    /// Units of which the device is being told that they are free.
    var discarding: [UInt32] = []
    /// The first unit of `discarding` that the device has not been told of.
    var nextDiscard = 0
    /// Device requests for `discarding` that are under way.
    var discards = 0
    /// The blocks of the map that have changed since the last commit.
    var dirty: [Bool]
    /// The blocks of the map that are damaged. Their units are neither allocated nor freed.
    var damaged: [Bool]

    static let unitsPerGroup = 1024
    /// The most units that are freed between two commits.
    static let freedLimit = 16384
    /// The most units that wait for requests or for the device. Above that, nothing is freed.
    static let drainingLimit = 65536

    /// The purpose for which a unit is taken. Each leaves some units to those behind it, so that a full pool can still
    /// discard and delete.
    enum Use {
        case data, map, discard, deletion

        /// The number of free units that this purpose must leave.
        var reserve: UInt32 {
            switch self {
            case .data: 32
            case .map: 24
            case .discard: 8
            case .deletion: 0
            }
        }
    }

    init(units: UInt32) {
        self.units = units
        groups = [UInt32](repeating: 0, count: (Int(units) + SpaceMap.unitsPerGroup - 1) / SpaceMap.unitsPerGroup)
        let blocks = PoolLayout.mapBlockCount(units: units)
        dirty = [Bool](repeating: false, count: blocks)
        damaged = [Bool](repeating: false, count: blocks)
    }

    /// True if units will become free without another request.
    var isReturning: Bool { !freed.isEmpty || !draining.isEmpty || !discarding.isEmpty }

    /// Counts a unit that became available or was taken.
    mutating func count(_ unit: UInt32, isFree: Bool) {
        let group = Int(unit) / SpaceMap.unitsPerGroup
        if isFree {
            free += 1
            groups[group] += 1
        } else {
            free -= 1
            groups[group] -= 1
        }
    }
}
