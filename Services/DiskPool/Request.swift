/// A request in progress. The pool makes an object for each request that it can have at once, when it begins, so that a
/// step changes one field without a look at the others.
final class Request {
    enum Stage: Equatable {
        case idle
        /// Looks for the units of the next sectors.
        case lookup
        /// Device requests of the segment are under way, and its units enter the map afterwards.
        case writing
        /// Enters the segment's units into the map.
        case publishing
        /// Reads a unit into a buffer, to verify it or to copy it.
        case copying
        /// Reads a unit into the client's window, to verify it there.
        case verifying
        /// Waits for the commit, and then for a flush of the device.
        case durable
        /// Its own flush of the device is under way.
        case flushing
        case control(ControlStep)
    }

    enum ControlStep: Equatable {
        case begin
        /// Waits for the writers of the disk to end.
        case quiet
        /// Waits for the commit after which the disk has no changed node.
        case clean(commit: UInt64)
        case committed(commit: UInt64)
    }

    /// Device requests that continue each other, which become one.
    struct Run {
        var kind = DeviceRequest.Kind.read
        var sector: UInt64 = 0
        var count = 0
        var offset = 0
    }

    var stage = Stage.idle
    var request = PoolRequest(id: 0, .flush)
    var order: UInt64 = 0
    /// The era in which its device requests began.
    var era: UInt64 = 0
    /// The sectors that are finished or under way.
    var done = 0
    /// Its device requests that are under way.
    var outstanding = 0
    var error: PoolError?
    /// True while it counts as a writer of its disk.
    var isWriter = false
    /// True if it waits for something other than its own device requests.
    var isStalled = false
    var run = Run()
    /// The record that a control operation made.
    var result = 0

    // A segment: virtual units from `first` on whose map entries change together.
    var first: UInt64 = 0
    var targets: [UInt32] = []
    /// For each target, whether it was taken for this segment.
    var isFresh: [Bool] = []
    var segmentSectors = 0
    /// The slot of the copy of a unit, or -1.
    var bounce = -1
    /// The checksum of the unit that is being written, on a disk with checksums.
    var check: UInt32 = 0
    /// The entry whose unit is being copied or verified.
    var source = MapEntry.none

    // A flush: the commit and the count of ended writes for which it waits.
    var commit: UInt64 = 0
    var mark: UInt64 = 0
    var failures: UInt64 = 0
    /// The last request that was found to be one for which the flush waits: index and order.
    var predecessor = (index: -1, order: UInt64(0))

    var isActive: Bool { stage != .idle }
    var isChange: Bool { request.operation == .write || request.operation == .discard }

    func fail(_ error: PoolError) { if self.error == nil { self.error = error } }

    /// Makes the slot free for another request. The arrays keep their memory.
    func reset() {
        (stage, error) = (.idle, nil)
        (done, outstanding, run.count) = (0, 0, 0)
        (isWriter, isStalled) = (false, false)
        result = 0
        if !targets.isEmpty {
            targets.removeAll(keepingCapacity: true)
            isFresh.removeAll(keepingCapacity: true)
        }
        (first, segmentSectors, check, source) = (0, 0, 0, .none)
        bounce = -1
        (commit, mark, failures) = (0, 0, 0)
        predecessor = (-1, 0)
    }

    /// Returns whether the request has locked a virtual unit.
    func locks(_ disk: Int, _ unit: UInt64) -> Bool {
        !targets.isEmpty && request.disk == disk && first <= unit && unit - first < UInt64(targets.count)
    }
}
