import ABI

// Calls that wait for their answer, for components that do one thing at a time.

extension BlockClient {
    /// Returns the number of the disk that the manifest calls `name`, under `disks`. Stops the component with a log
    /// line if it has none.
    public static func disk(named name: StaticString) -> UInt16 {
        guard let resource = Configuration.resource(.virtualDisk, named: name) else {
            log("this component uses the disk '\(name)', but its manifest has no such disk: add it under 'disks'")
            fatalError("no such disk")
        }
        return UInt16(truncatingIfNeeded: resource.detail)
    }

    /// Performs one request and waits for its answer, also while the server is restarted. Other events of this
    /// component stay raised. Use it only while no other request is under way, because it drops the answers of others.
    public mutating func perform(_ request: BlockRequest) -> BlockStatus {
        var others = Events(bits: 0)
        defer { if others.bits != 0 { Notification.own.raise(others) } }
        var slot = submit(request)
        while true {
            notify()
            while let answer = nextAnswer() {
                let isOwn = answer.slot == slot
                release(answer.slot)
                if isOwn { return answer.status }
                // The slot belonged to a request of the life before.
                if slot == nil { slot = submit(request) }
            }
            wait(&others)
        }
    }

    /// Waits until the server describes a disk, and returns its description. The server describes its disks when it
    /// has started. It never describes one that it does not have.
    public mutating func waitForDisk(_ number: UInt16) -> BlockDisk {
        var others = Events(bits: 0)
        defer { if others.bits != 0 { Notification.own.raise(others) } }
        while true {
            if let disk = disk(Int(number)) { return disk }
            announceSleep()
            if let disk = disk(Int(number)) {
                didWake()
                return disk
            }
            others = others.union(Events.wait().without(events))
            didWake()
        }
    }

    private mutating func wait(_ others: inout Events) {
        guard willSleep() else { return }
        others = others.union(Events.wait().without(events))
        didWake()
    }
}

extension Events {
    fileprivate func without(_ other: Events) -> Events { Events(bits: bits & ~other.bits) }
}
