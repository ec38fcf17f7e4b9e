import Entente

/// The lies that a fake disk tells.
public enum FakeDiskLie: CaseIterable, Sendable {
    /// The used ring's index runs ahead by 1, by the queue's size, or backwards.
    case indexAhead, indexFarAhead, indexBackwards
    /// The used ring names a request beyond the queue, one that is not outstanding, or the same one twice.
    case unknownRequest, freeRequest, sameRequestTwice
    /// More bytes were written than the request has, or fewer than it asks for.
    case longLength, shortLength
    /// A status that does not exist, or none.
    case strangeStatus, noStatus
    /// The device asks for a reset instead of an answer.
    case needsReset
}

/// A virtio block device behind the memory-mapped transport (virtio 1.2, 4.2 and 5.2), with a volatile cache, media
/// errors, and lies on demand.
///
/// It records each breach of the protocol by the driver in `faults`. It performs requests at once, or when the test
/// says so and in the order that the test wants.
///
///     let disk = FakeVirtioDisk(sectors: 2048, bus: bus)
///     driver.attachDisk("main", disk, number: 0)
public final class FakeVirtioDisk: FakeDevice {
    public var interrupt: FakeInterrupt?
    public let bus: FakeBus

    // The device's properties, which a test may change before the driver starts.
    public var version: UInt32 = 2
    public var kind: UInt32 = 2
    public var offered: UInt64 = Feature.all
    public var queueLimit: UInt32 = 256
    public var maximumDiscard: UInt32 = 1024
    public var maximumWriteZeroes: UInt32 = 512
    public var blockSize: UInt32 = 512
    public var identity = "fake-disk"
    /// False if a reset never ends.
    public var endsResets = true
    /// False if the device refuses the driver's features.
    public var acceptsFeatures = true

    // Its behaviour, which a test may change at any moment.
    /// True if it performs requests as soon as it is notified.
    public var isAutomatic = true
    /// The sectors that can be neither read nor written.
    public var badSectors: Set<UInt64> = []
    /// True if flushes fail.
    public var failsFlushes = false
    /// The lie that it tells at the end of the next request. It stays if `liesAlways`.
    public var lie: FakeDiskLie?
    public var liesAlways = false

    /// The bytes of the disk as the device reads them, and as they are after a loss of power.
    public private(set) var contents: [UInt8]
    public private(set) var durable: [UInt8]

    // The test's view.
    /// The driver's breaches of the protocol.
    public var faults: [String] { queue.faults }
    public private(set) var resets = 0
    public private(set) var notifications = 0
    public private(set) var interrupts = 0
    /// The types of the requests that it has got.
    public private(set) var types: [UInt32] = []
    /// The requests that it has got and not performed.
    public private(set) var pending: [FakeDiskRequest] = []
    public private(set) var interruptStatus: UInt32 = 0 {
        didSet { interrupt?.isAsserted = interruptStatus != 0 }
    }
    public private(set) var status: UInt32 = 0
    /// True if it has taken answers back since its last reset, so that a driver can wait for them for ever.
    public private(set) var hasWithdrawnAnswers = false

    private var generation: UInt32 = 0
    private var (deviceSelect, driverSelect, queueSelect): (UInt32, UInt32, UInt32) = (0, 0, 0)
    private var accepted: UInt64 = 0
    private var queue: FakeVirtioQueue

    public enum Feature {
        public static let readOnly: UInt64 = 1 << 5, blockSize: UInt64 = 1 << 6, flush: UInt64 = 1 << 9
        public static let discard: UInt64 = 1 << 13, writeZeroes: UInt64 = 1 << 14
        public static let indirect: UInt64 = 1 << 28, eventIndex: UInt64 = 1 << 29, version1: UInt64 = 1 << 32
        /// All that QEMU offers, without `readOnly`. The bits of segments, geometry and queues are among them.
        public static let all =
            blockSize | flush | discard | writeZeroes | indirect | eventIndex | version1 | 1 << 2 | 1 << 4 | 1 << 10
            | 1 << 11 | 1 << 12 | 1 << 24 | 1 << 33
    }

    public init(sectors: Int, bus: FakeBus) {
        self.bus = bus
        queue = FakeVirtioQueue(bus: bus)
        contents = [UInt8](repeating: 0, count: sectors * 512)
        durable = contents
    }

    /// Changes the size, as an administrator does, and tells the driver.
    public func resize(sectors: Int) {
        for keep in [\FakeVirtioDisk.contents, \.durable] {
            self[keyPath: keep] = Array(self[keyPath: keep].prefix(sectors * 512))
            self[keyPath: keep] += [UInt8](repeating: 0, count: sectors * 512 - self[keyPath: keep].count)
        }
        generation += 1
        interruptStatus |= 2
    }

    /// Asks the driver for a reset.
    public func askForReset() {
        status |= 64
        interruptStatus |= 2
    }

    /// Loses the cache. Each sector that was not flushed is kept if `keeps` says so.
    public func losePower(keeping keeps: () -> Bool) {
        for sector in 0..<contents.count / 512 where keeps() {
            let range = sector * 512..<sector * 512 + 512
            durable.replaceSubrange(range, with: contents[range])
        }
        contents = durable
    }

    private func fault(_ text: String) { queue.fault(text) }
    private func has(_ feature: UInt64) -> Bool { accepted & feature != 0 }

    // MARK: Registers

    public func read(at offset: Int, width: Int) -> UInt64 {
        if width != 4 || offset & 3 != 0 { fault("an access of \(width) bytes to \(offset)") }
        if offset >= 0x100 { return configuration(offset - 0x100) }
        switch offset {
        case 0x000: return 0x7472_6976
        case 0x004: return UInt64(version)
        case 0x008: return UInt64(kind)
        case 0x010: return offered >> (deviceSelect == 0 ? 0 : 32) & 0xFFFF_FFFF
        case 0x034: return queueSelect == 0 ? UInt64(queueLimit) : 0
        case 0x044: return queue.isReady ? 1 : 0
        case 0x060: return UInt64(interruptStatus)
        case 0x070: return UInt64(status)
        case 0x0FC: return UInt64(generation)
        default:
            fault("a read of \(offset)")
            return 0
        }
    }

    private func configuration(_ offset: Int) -> UInt64 {
        switch offset {
        case 0: UInt64(contents.count / 512) & 0xFFFF_FFFF
        case 4: UInt64(contents.count / 512) >> 32
        case 20: UInt64(blockSize)
        case 36: UInt64(maximumDiscard)
        case 48: UInt64(maximumWriteZeroes)
        default: 0
        }
    }

    public func write(_ value: UInt64, at offset: Int, width: Int) {
        if width != 4 || offset & 3 != 0 { fault("an access of \(width) bytes to \(offset)") }
        let word = UInt32(truncatingIfNeeded: value)
        switch offset {
        case 0x014: deviceSelect = word
        case 0x020: choose(word)
        case 0x024: driverSelect = word
        case 0x030: queueSelect = word
        case 0x038...0x0A4 where offset != 0x050 && offset != 0x060 && offset != 0x064 && offset != 0x070:
            setUp(word, offset)
        case 0x050: notified(word)
        case 0x064: interruptStatus &= ~word
        case 0x070: setStatus(word)
        default: fault("a write to \(offset)")
        }
    }

    private func choose(_ word: UInt32) {
        if status & 8 != 0 || status & 2 == 0 { fault("features are chosen at the wrong time") }
        let shift: UInt64 = driverSelect == 0 ? 0 : 32
        accepted = accepted & ~(0xFFFF_FFFF << shift) | UInt64(word) << shift
        if accepted & ~offered != 0 { fault("a feature was not offered") }
    }

    private func setStatus(_ word: UInt32) {
        if word == 0 {
            resets += 1
            queue.reset()
            (accepted, pending, interruptStatus, hasWithdrawnAnswers) = (0, [], 0, false)
            if endsResets { status = 0 }
            return
        }
        if status & ~64 & ~word != 0 { fault("a status bit is cleared") }
        if word & 4 != 0, word & 8 == 0 || !queue.isReady { fault("the driver is ready too early") }
        status = word | status & 64
        if word & 8 != 0, !acceptsFeatures { status &= ~8 }
    }

    private func setUp(_ word: UInt32, _ offset: Int) {
        if queue.isReady || status & 8 == 0 || queueSelect != 0 { fault("the queue is set up at the wrong time") }
        let low = UInt64(word), high = UInt64(word) << 32
        switch offset {
        case 0x038: queue.size = word
        case 0x044:
            (queue.hasEventIndex, queue.hasIndirect) = (has(Feature.eventIndex), has(Feature.indirect))
            queue.isReady = word == 1
            queue.checkPlaces(limit: queueLimit)
        case 0x080: queue.descriptors = (queue.descriptors & ~0xFFFF_FFFF) | low
        case 0x084: queue.descriptors = queue.descriptors & 0xFFFF_FFFF | high
        case 0x090: queue.available = (queue.available & ~0xFFFF_FFFF) | low
        case 0x094: queue.available = queue.available & 0xFFFF_FFFF | high
        case 0x0A0: queue.used = (queue.used & ~0xFFFF_FFFF) | low
        case 0x0A4: queue.used = queue.used & 0xFFFF_FFFF | high
        default: fault("a write to \(offset)")
        }
    }

    // MARK: Requests

    private func notified(_ word: UInt32) {
        notifications += 1
        if status & 4 == 0 { fault("a notification before the driver is ready") }
        if word != 0 { fault("a notification of the queue \(word)") }
        if isAutomatic { performAll() } else { fetch() }
    }

    /// Takes the requests that the driver has made available, as a device does that is notified or at work.
    public func fetch() {
        guard queue.isReady, status & 4 != 0 else { return }
        let count = pending.count
        queue.fetch(into: &pending)
        types += pending[count...].map(\.type)
    }

    /// Performs all requests in their order, and those that the driver adds meanwhile.
    public func performAll() {
        fetch()
        while !pending.isEmpty {
            perform(0)
            fetch()
        }
    }

    /// Performs one of the pending requests, and finishes it.
    public func perform(_ index: Int) {
        let request = pending.remove(at: index)
        let status = outcome(of: request)
        finish(request, status)
    }

    private func outcome(of request: FakeDiskRequest) -> UInt8 {
        switch request.type {
        case 0: return transfer(request, toDriver: true)
        case 1: return has(Feature.readOnly) ? 1 : transfer(request, toDriver: false)
        case 4:
            guard !failsFlushes else { return 1 }
            durable = contents
            return 0
        case 8:
            guard request.data.count == 1, request.data[0].size == 20 else { return 2 }
            bus.write(
                Array((Array(identity.utf8) + [UInt8](repeating: 0, count: 20)).prefix(20)), at: request.data[0].address
            )
            return 0
        case 11: return fill(request, limit: maximumDiscard, with: 0xDD)
        case 13: return fill(request, limit: maximumWriteZeroes, with: 0)
        default: return 2
        }
    }

    private func bytes(_ sector: UInt64, _ size: Int) -> Range<Int>? {
        guard sector <= UInt64(contents.count / 512), size % 512 == 0, size <= contents.count - Int(sector) * 512 else {
            return nil
        }
        return Int(sector) * 512..<Int(sector) * 512 + size
    }

    private func transfer(_ request: FakeDiskRequest, toDriver: Bool) -> UInt8 {
        var sector = request.sector
        for piece in request.data {
            guard piece.isForDriver == toDriver, let range = bytes(sector, piece.size) else { return 1 }
            for bad in sector..<sector + UInt64(piece.size / 512) where badSectors.contains(bad) { return 1 }
            if toDriver {
                bus.write(Array(contents[range]), at: piece.address)
            } else if let data = bus.read(piece.address, count: piece.size) {
                contents.replaceSubrange(range, with: data)
            }
            sector += UInt64(piece.size / 512)
        }
        if !toDriver, !has(Feature.flush) { durable = contents }
        return 0
    }

    /// Performs a discard or a write of zeros. A discard writes rubbish, because nobody may rely on it.
    private func fill(_ request: FakeDiskRequest, limit: UInt32, with byte: UInt8) -> UInt8 {
        guard request.data.count == 1, request.data[0].size == 16, !request.data[0].isForDriver else { return 1 }
        let place = request.data[0].address
        let (sector, count) = (bus.number(place, width: 8), bus.number(place + 8, width: 4))
        if count > limit || count == 0 { fault("a range of \(count) sectors") }
        if bus.number(place + 12, width: 4) != 0 { fault("flags of a range") }
        guard let range = bytes(sector, Int(count) * 512) else { return 1 }
        contents.replaceSubrange(range, with: repeatElement(byte, count: range.count))
        if !has(Feature.flush) { durable = contents }
        return 0
    }

    // MARK: Answers

    private func finish(_ request: FakeDiskRequest, _ status: UInt8) {
        let told = lie
        if !liesAlways { lie = nil }
        if told == .needsReset { return askForReset() }
        if told == .indexBackwards { hasWithdrawnAnswers = true }
        if told != .noStatus { bus.write([told == .strangeStatus ? 77 : status], at: request.status) }
        let (head, length) = (UInt64(request.head), UInt64(request.writable))
        let isWanted =
            switch told {
            case .unknownRequest: queue.use(UInt64(queue.size) + head * 0x100, length: length)
            case .freeRequest: queue.use(freeRequest(but: head), length: length)
            case .sameRequestTwice: useTwice(head, length)
            case .longLength: queue.use(head, length: length + 1)
            case .shortLength: queue.use(head, length: 0)
            case .indexAhead: queue.publish(queue.finished &+ UInt16(pending.count + 2))
            case .indexFarAhead: queue.publish(queue.finished &+ UInt16(queue.size))
            case .indexBackwards: queue.publish(queue.finished &- 1)
            default: queue.use(head, length: length)
            }
        guard isWanted else { return }
        interrupts += 1
        interruptStatus |= 1
    }

    private func useTwice(_ head: UInt64, _ length: UInt64) -> Bool {
        let isWanted = queue.use(head, length: length)
        return queue.use(head, length: length) || isWanted
    }

    private func freeRequest(but head: UInt64) -> UInt64 {
        (0..<UInt64(queue.size)).last { number in
            number != head && !pending.contains { UInt64($0.head) == number }
        } ?? head
    }
}
