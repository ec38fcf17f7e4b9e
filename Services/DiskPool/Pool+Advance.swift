// The engine's loop: each event lets requests, deletions and commits go on until all of them wait.
extension Pool {
    /// Takes the result of a device request.
    ///
    /// - Parameter tag: the tag of a request that the pool made. The pool ignores tags that it does not know.
    public mutating func deviceFinished(_ tag: UInt32, succeeded: Bool) {
        switch DeviceTag(word: tag) {
        case .request(let index): requestStepFinished(index, succeeded)
        case .node(let slot): nodeLoaded(slot, succeeded)
        case .commit: commitStepFinished(succeeded)
        case .mount: mountStepFinished(succeeded)
        case .discard: discardStepFinished()
        case nil: return
        }
        advanceAll()
    }

    private mutating func requestStepFinished(_ index: Int, _ succeeded: Bool) {
        guard requests.indices.contains(index) else { return }
        let request = requests[index]
        guard request.outstanding > 0 else { return }
        request.outstanding -= 1
        states[request.request.disk].deviceRequests -= 1
        if !succeeded { request.fail(.device) }
        if request.stage == .flushing {
            deviceFlushed(request.mark, succeeded)
            if !succeeded { tellOfLostFlush(index) }
        } else if request.request.operation == .write {
            dataWritten(request.request.disk)
        }
        if request.outstanding == 0, !request.isStalled { continueRequest(index) }
    }

    /// Goes on with work that was left because it was too much for one call. The owner calls it while `hasWork`.
    public mutating func advance() { if hasWork { advanceAll() } }

    /// Continues everything that can go on.
    mutating func advanceAll() {
        hasWork = false
        if mount.stage == .replaying { replay() }
        guard isMounted else { return }
        continueWriting()
        var again = true
        while again {
            hasReleased = false
            advanceStalled()
            // A request that arrived earlier may have waited for what a later one has given back.
            again = hasReleased && !stalled.isEmpty
            if deleteStep() { again = true }
            if startCommitIfWanted() { again = true }
        }
        if !failed.isEmpty { failed.removeAll(keepingCapacity: true) }
    }

    /// Continues the stalled requests in the order of their arrival. Those that still wait stay in the list.
    private mutating func advanceStalled() {
        drain()
        guard !stalled.isEmpty else { return }
        var kept = 0
        for position in stalled.indices {
            let index = stalled[position]
            requests[index].isStalled = false
            if requests[index].outstanding == 0 { advance(index) }
            guard requests[index].isActive, requests[index].outstanding == 0 else { continue }
            requests[index].isStalled = true
            stalled[kept] = index
            kept += 1
        }
        stalled.removeLast(stalled.count - kept)
    }

    /// Continues a request none of whose device requests is under way, and puts it on the list if it waits.
    mutating func continueRequest(_ index: Int) {
        advance(index)
        let request = requests[index]
        guard request.isActive, request.outstanding == 0 else { return }
        request.isStalled = true
        var place = stalled.count
        while place > 0, requests[stalled[place - 1]].order > request.order { place -= 1 }
        stalled.insert(index, at: place)
    }
}
