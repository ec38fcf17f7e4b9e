// Flushes. One flush of the device serves every request that waits for it, and a commit serves as a flush of what was
// written before.
extension Pool {
    /// Waits for everything that the disk has accepted before, then makes it durable.
    mutating func flush(_ index: Int) {
        guard check(index) else { return }
        if waitsForPredecessor(index) { return }
        beginDurable(index)
    }

    /// Returns whether a request to write or discard that came before this flush has no answer yet.
    private mutating func waitsForPredecessor(_ index: Int) -> Bool {
        let (disk, order) = (requests[index].request.disk, requests[index].order)
        guard states[disk].changes > 0 else { return false }
        let known = requests[index].predecessor
        if known.index >= 0, requests[known.index].isActive, requests[known.index].order == known.order { return true }
        let found = requests.indices.first {
            requests[$0].isActive && requests[$0].isChange && requests[$0].order < order
                && requests[$0].request.disk == disk
        }
        guard let found else { return false }
        requests[index].predecessor = (found, requests[found].order)
        return true
    }

    /// Notes what must become durable: the metadata that has changed, and the data that the device has finished.
    mutating func beginDurable(_ index: Int) {
        requests[index].stage = .durable
        requests[index].commit = isDirty ? commit.finished + 1 : commit.finished
        requests[index].mark = writes.ended
        requests[index].failures = writes.failures
        makeDurable(index)
    }

    /// Waits for the commit, and then for a flush of the device, which it sends itself if no other serves.
    mutating func makeDurable(_ index: Int) {
        let disk = requests[index].request.disk
        // A flush that failed may have lost anything that was written before.
        if requests[index].failures != writes.failures || states[disk].hasLostFlush {
            states[disk].hasLostFlush = false
            return finish(index, .device)
        }
        if commit.finished < requests[index].commit {
            guard readOnlyReason == nil else { return finish(index, .readOnly) }
            guard commit.stage != .failed else { return finish(index, .device) }
            if !commit.isRunning { commit.isWanted = true }
            return
        }
        if writes.flushed >= requests[index].mark {
            if requests[index].mark == writes.ended { states[disk].isUnflushed = false }
            return finish(index, nil)
        }
        let isUnderWay = writes.sent >= requests[index].mark && writes.sent > writes.flushed
        guard !isUnderWay, outbox.room > 1 else { return }
        requests[index].stage = .flushing
        requests[index].outstanding += 1
        requests[index].mark = writes.ended
        writes.sent = writes.ended
        send(.flush, 0, 0, .buffer(0), .request(index))
    }

    /// Takes the result of a flush that covers the first `mark` data writes. If it failed, the next flush of each disk
    /// with such writes fails as well.
    mutating func deviceFlushed(_ mark: UInt64, _ succeeded: Bool) {
        if succeeded {
            writes.flushed = max(writes.flushed, mark)
            return
        }
        writes.failures += 1
        writes.sent = writes.flushed
        for disk in states.indices where states[disk].isUnflushed { states[disk].hasLostFlush = true }
    }

    /// Notes that the client of a flush's disk learns of its failure by this flush. If a write has ended since the
    /// flush was sent, the next one has to tell of that write.
    mutating func tellOfLostFlush(_ index: Int) {
        guard requests[index].mark == writes.ended else { return }
        states[requests[index].request.disk].hasLostFlush = false
    }

    /// Counts a device write of data that has ended.
    mutating func dataWritten(_ disk: Int) {
        writes.ended += 1
        states[disk].isUnflushed = true
    }
}
