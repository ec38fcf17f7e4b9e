import ABI

/// Drives a virtio block device behind the memory-mapped transport (virtio 1.2, 2, 4.2 and 5.2).
///
/// The caller numbers its requests, and gets the answers in any order. Requests for which the device has no room wait
/// in order. The driver never waits for the device, except for a bounded number of reads during a reset.
///
///     if let refusal = driver.submit(request, as: 7) { … }
///     driver.notify()
///     …
///     driver.acknowledgeInterrupt()
///     while let answer = driver.nextAnswer() { … }
///
/// A device that breaks the protocol, or asks for it, is reset. The requests that it had are then performed again,
/// because each of them has the same effect if it is performed twice. A request that was lost in several resets ends
/// with `ioError`. A device that cannot be started refuses all requests, until `start` succeeds.
public struct VirtioBlockDriver<Registers: VirtioRegisters, Memory: VirtioMemory> {
    private let transport: VirtioTransport<Registers>
    private let memory: Memory

    /// The device's description; nil if it has never worked. It stays when the device fails.
    public private(set) var disk: BlockDisk?
    /// True if `disk` has changed since the caller took note of it.
    public var hasChanged = false
    /// True if the device takes requests.
    public private(set) var isWorking = false
    public var troubles = DeviceTroubles()

    private var queue: RequestQueue<Memory>
    private var features: UInt64 = 0
    private var configuration = DeviceConfiguration()
    /// The number of resets since the device has last done a request well.
    private var resets = 0
    /// The number of resets that the flush of the present batch was lost in.
    private var flushLosses: UInt8 = 0

    /// The caller's requests by their numbers.
    private var entries: [RequestEntry]
    /// The owners of the tags: numbers of the caller's requests, or one of `TagOwner`.
    private var owners: [Int]
    /// The requests that the device has not finished, flushes excepted.
    private var unfinished = RequestSet()
    private var waiting: WaitingRequests
    private var flushes = FlushBatches()
    /// The requests whose answers the caller has not taken.
    private var finished = RequestSet()

    /// A request that was lost in so many resets fails.
    static var maximumLosses: UInt8 { 3 }
    /// The number of resets without success after which the device is given up.
    static var maximumResets: Int { 8 }

    /// Prepares a driver. The device does not work before `start`.
    ///
    /// - Parameters:
    ///   - memory: the memory for the queue; 40 KiB hold the largest one.
    ///   - capacity: the number of requests that the caller has at most, up to 256.
    public init(registers: Registers, memory: Memory, capacity: Int) {
        precondition(1...RequestSet.capacity ~= capacity, "a driver has another number of requests")
        (transport, self.memory) = (VirtioTransport(registers: registers), memory)
        entries = [RequestEntry](repeating: RequestEntry(), count: capacity)
        owners = [Int](repeating: TagOwner.flush, count: QueueLayout.maximum)
        waiting = WaitingRequests(capacity: capacity)
        queue = RequestQueue(memory: memory, layout: QueueLayout(count: QueueLayout.minimum), hasEventIndex: false)
    }

    /// The number of requests that the device takes at once.
    public var queueSize: Int { queue.layout.count }

    // MARK: Start

    /// Resets the device and starts it. Requests that have no answer are performed again. Returns false if the device
    /// does not work; all requests then end with `ioError`. Does nothing if it works already.
    @discardableResult
    public mutating func start() -> Bool {
        guard !isWorking else { return true }
        do throws(DeviceTrouble) {
            (features, queue) = try transport.start(memory)
        } catch {
            troubles.insert(error)
            failAll()
            return false
        }
        isWorking = true
        learnConfiguration()
        askForIdentity()
        issueWaiting()
        flushIfDue()
        notify()
        return true
    }

    private mutating func learnConfiguration() {
        configuration = transport.configuration(features)
        var flags = BlockDiskFeatures()
        if features & VirtioFeature.readOnly != 0 { flags.insert(.readOnly) }
        if features & VirtioFeature.flush != 0 { flags.insert(.hasVolatileCache) }
        if configuration.maximumDiscard > 0 { flags.insert(.discard) }
        if configuration.maximumWriteZeroes > 0 { flags.insert(.writeZeroes) }
        let size = configuration.blockSize
        learn(
            BlockDisk(
                capacity: configuration.capacity, features: flags,
                optimalSize: size > 512 && size & (size - 1) == 0 ? size : 512,
                identity: disk?.identity ?? InlineArray(repeating: 0)))
    }

    private mutating func learn(_ found: BlockDisk) {
        guard disk != found else { return }
        (disk, hasChanged) = (found, true)
    }

    private mutating func askForIdentity() {
        guard let tag = queue.takeTag() else { return }
        owners[tag] = TagOwner.identity
        queue.submit(tag, type: VirtioBlockType.getIdentity, sector: 0, data: queue.identityPlace(tag))
    }

    // MARK: Requests

    /// Accepts a request, or returns the reason why it is refused. The device hears of it at the next `notify`.
    ///
    /// - Parameter id: a number below the capacity. The caller uses it again after the answer only.
    public mutating func submit(_ request: DeviceRequest, as id: Int) -> BlockStatus? {
        if let refusal = refusal(of: request) { return refusal }
        entries[id] = RequestEntry(request: request)
        if request.operation == .flush {
            flushes.add(id, after: unfinished)
            flushIfDue()
        } else {
            unfinished.insert(id)
            if !waiting.isEmpty || !issue(id) { waiting.append(id) }
        }
        return nil
    }

    // It is inlined, because a call would get a copy of the driver.
    @inline(__always)
    private func refusal(of request: DeviceRequest) -> BlockStatus? {
        guard let disk else { return .noDisk }
        guard isWorking else { return .ioError }
        if request.operation == .flush { return nil }
        let (end, overflow) = request.sector.addingReportingOverflow(UInt64(request.length / 512))
        guard request.length > 0, request.length & 511 == 0, !overflow, end <= disk.capacity else { return .badRequest }
        if request.operation == .read { return nil }
        if disk.features.contains(.readOnly) { return .readOnly }
        switch request.operation {
        case .discard: return disk.features.contains(.discard) ? nil : .unsupported
        case .writeZeroes: return disk.features.contains(.writeZeroes) ? nil : .unsupported
        default: return nil
        }
    }

    /// Gives the device a request, or its next piece. Returns false if the queue is full.
    private mutating func issue(_ id: Int) -> Bool {
        guard let tag = queue.takeTag() else { return false }
        owners[tag] = id
        let request = entries[id].request
        switch request.operation {
        case .read, .write:
            let isRead = request.operation == .read
            queue.submit(
                tag, type: isRead ? VirtioBlockType.read : VirtioBlockType.write, sector: request.sector,
                data: .init(address: request.address, size: request.length, isForDriver: isRead))
        case .discard, .writeZeroes:
            let type = request.operation == .discard ? VirtioBlockType.discard : VirtioBlockType.writeZeroes
            let sector = request.sector + UInt64(entries[id].done / 512)
            entries[id].piece = pieceSize(id)
            queue.submit(tag, type: type, sector: 0, data: queue.payload(tag, sector, UInt64(entries[id].piece / 512)))
        case .flush: preconditionFailure("a flush belongs to a batch")
        }
        return true
    }

    /// The number of bytes of a discard or a write of zeros that the device takes next.
    private func pieceSize(_ id: Int) -> UInt32 {
        let limit =
            entries[id].request.operation == .discard ? configuration.maximumDiscard : configuration.maximumWriteZeroes
        return min(entries[id].request.length - entries[id].done, max(1, min(limit, .max / 512)) * 512)
    }

    private mutating func issueWaiting() {
        while let id = waiting.first, issue(id) { waiting.removeFirst() }
    }

    private mutating func flushIfDue() {
        while flushes.isDue {
            guard features & VirtioFeature.flush != 0 else {
                // Without this feature every write is durable when the device has finished it.
                endFlush(.ok)
                continue
            }
            guard let tag = queue.takeTag() else { return }
            owners[tag] = TagOwner.flush
            flushes.didStart()
            queue.submit(tag, type: VirtioBlockType.flush, sector: 0, data: nil)
        }
    }

    /// Notifies the device of all requests since the last call.
    public mutating func notify() {
        guard isWorking, queue.publish() else { return }
        transport.notify()
    }

    // MARK: Answers

    public struct Answer: Equatable, Sendable {
        public let id: Int
        public let status: BlockStatus
    }

    /// Returns the next answer, or nil if there is none.
    public mutating func nextAnswer() -> Answer? {
        while true {
            if let id = finished.removeFirst() { return Answer(id: id, status: entries[id].status) }
            guard isWorking else { return nil }
            switch queue.nextUsed() {
            case .none: return nil
            case .finished(let tag, let length): complete(tag, length)
            case .lie(let trouble): recover(from: trouble)
            }
        }
    }

    /// Asks the device for an interrupt when it finishes the next request, after it has heard of all requests. Returns
    /// false if an answer waits already.
    public mutating func willSleep() -> Bool {
        notify()
        return finished.isEmpty && (!isWorking || queue.willSleep())
    }

    @inline(__always)
    private mutating func complete(_ tag: Int, _ length: UInt32) {
        let status = queue.status(tag)
        let isComplete = queue.isComplete(tag, length: length)
        let owner = owners[tag]
        if owner == TagOwner.identity, status == VirtioBlockType.ok, var known = disk {
            known.identity = queue.identity(tag)
            learn(known)
        }
        queue.release(tag)
        switch status {
        case VirtioBlockType.ok: didComplete(owner, isComplete ? .ok : .ioError)
        case VirtioBlockType.ioError: didComplete(owner, .ioError)
        case VirtioBlockType.unsupported: didComplete(owner, .unsupported)
        default:
            didComplete(owner, .ioError)
            recover(from: .status)
            return
        }
        if !waiting.isEmpty { issueWaiting() }
        if flushes.isDue { flushIfDue() }
    }

    private mutating func didComplete(_ owner: Int, _ status: BlockStatus) {
        if owner == TagOwner.identity { return }
        if status == .ok { resets = 0 } else { troubles.insert(.ioError) }
        if owner == TagOwner.flush { return endFlush(status) }
        let request = entries[owner].request
        if request.operation == .discard || request.operation == .writeZeroes, status == .ok {
            entries[owner].done += entries[owner].piece
            if entries[owner].done < request.length { return waiting.append(owner) }
        }
        unfinished.remove(owner)
        flushes.didFinish(owner)
        if request.forcesUnitAccess, request.operation == .write, status == .ok {
            // The write itself is finished, so the flush need not wait for anything.
            flushes.add(owner, after: RequestSet())
        } else {
            finish(owner, status)
        }
    }

    private mutating func endFlush(_ status: BlockStatus) {
        flushLosses = 0
        while let id = flushes.removeMember() { finish(id, status) }
    }

    private mutating func finish(_ id: Int, _ status: BlockStatus) {
        entries[id].status = status
        finished.insert(id)
    }

    // MARK: Recovery

    /// Acknowledges the device's interrupt. The caller takes answers afterwards, because the device does not interrupt
    /// again for those that it has already given.
    public mutating func acknowledgeInterrupt() {
        let news = transport.acknowledgeInterrupt()
        guard isWorking else { return }
        switch news {
        case .answers: break
        case .configuration: learnConfiguration()
        case .resetRequest: recover(from: .needsReset)
        }
    }

    /// Resets the device and gives it all its requests again. Gives the device up if resets do not help.
    private mutating func recover(from trouble: DeviceTrouble) {
        troubles.insert(trouble)
        isWorking = false
        takeBack()
        resets += 1
        if resets <= Self.maximumResets {
            start()
            return
        }
        resets = 0
        troubles.insert(.hopeless)
        // The device must no longer use the data of requests that end now.
        transport.reset()
        failAll()
    }

    /// Lets the requests that the device has wait again. Those that were lost too often end.
    private mutating func takeBack() {
        for tag in 0..<queue.layout.count where queue.isOutstanding(tag) {
            let owner = owners[tag]
            if owner == TagOwner.flush {
                takeBackFlush()
            } else if owner >= 0 {
                entries[owner].losses += 1
                if entries[owner].losses < Self.maximumLosses { waiting.append(owner) } else { fail(owner) }
            }
        }
    }

    private mutating func takeBackFlush() {
        flushes.didStop()
        flushLosses += 1
        if flushLosses == Self.maximumLosses { endFlush(.ioError) }
    }

    /// Ends a request that is no flush.
    private mutating func fail(_ id: Int) {
        unfinished.remove(id)
        flushes.didFinish(id)
        finish(id, .ioError)
    }

    /// Ends all requests of the caller. The device has none of them.
    private mutating func failAll() {
        while let id = waiting.first {
            waiting.removeFirst()
            fail(id)
        }
        // Both batches.
        endFlush(.ioError)
        endFlush(.ioError)
    }
}
