/// The flushes that wait, in two batches.
///
/// A flush must not reach the device before the device has finished every request that was accepted before the flush.
/// The present batch waits for that, and is then performed by one request to the device. Meanwhile all further flushes
/// join the next batch. The present batch takes no member, because a client that flushes without pause would otherwise
/// delay it for ever.
struct FlushBatches {
    private struct Batch {
        var members = RequestSet()
        /// The requests that the device must finish first.
        var awaited = RequestSet()
    }

    private var present = Batch()
    private var next = Batch()
    /// True while the device performs the present batch.
    private var isRunning = false

    /// Adds a flush.
    ///
    /// - Parameters:
    ///   - id: the flush, or a write that is answered only when it is durable.
    ///   - unfinished: the requests that the device must finish first. No flush is among them.
    mutating func add(_ id: Int, after unfinished: RequestSet) {
        if present.members.isEmpty {
            present.members.insert(id)
            present.awaited = unfinished
        } else {
            next.members.insert(id)
            next.awaited.formUnion(unfinished)
        }
    }

    /// Takes note that the device has finished a request.
    @inline(__always) mutating func didFinish(_ id: Int) {
        present.awaited.remove(id)
        next.awaited.remove(id)
    }

    /// True if the device must now flush for the present batch.
    @inline(__always) var isDue: Bool { !isRunning && !present.members.isEmpty && present.awaited.isEmpty }

    /// Takes note that the device has got the request for the present batch.
    mutating func didStart() { isRunning = true }

    /// Takes note that the device has lost that request.
    mutating func didStop() { isRunning = false }

    /// Removes a member of the present batch, which is over, and returns it. Returns nil when it has no more; the next
    /// batch then takes its place.
    mutating func removeMember() -> Int? {
        if let id = present.members.removeFirst() { return id }
        present = next
        next = Batch()
        isRunning = false
        return nil
    }
}
