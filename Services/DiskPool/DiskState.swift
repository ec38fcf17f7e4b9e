/// The state of a disk in memory, beside its record.
struct DiskState {
    /// Requests that write, and have begun.
    var writers = 0
    /// Requests to write or discard that have no answer yet.
    var changes = 0
    /// The control operation that waits for the writers to end, as a request's index; -1 if there is none.
    var barrier = -1
    /// The device requests for data, and flushes, of the disk's requests that have no answer yet.
    var deviceRequests = 0
    /// Units that requests have taken and not yet entered into the map.
    var taken = 0
    /// The unit at which the next search begins.
    var hint: UInt32 = 0
    /// True if the record has changed since the last commit.
    var isDirty = false
    /// True if the record is damaged.
    var isDamaged = false
    /// True if the deletion has met a damaged node. It goes on after the pool has been opened again.
    var isStuck = false
    /// True if the deletion has met a node that the device could not read. It goes on after a `retry`.
    var isDelayed = false
    /// The slot of the newest node of the list of dead units if it has changed since the last commit; otherwise -1.
    var deadSlot = -1
    /// True if the device has finished writes that no answered flush covers.
    var isUnflushed = false
    /// True if a flush has failed that should have covered writes of this disk. Its next flush reports the loss.
    var hasLostFlush = false
}
