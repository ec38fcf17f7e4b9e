@testable import DiskPool

/// Random requests, power cuts and deaths of the engine, and models that say which contents are allowed afterwards.
final class Trial {
    typealias TestPool = Pool<HostMemory, SimulatedLog>

    /// A request that has no answer yet.
    struct Flight {
        var operation: PoolRequest.Operation
        var name: String
        var indices: Range<Int> = 0..<0
        /// The number of the last change when the request began.
        var change = 0
        var window = 0
        var isDurable = false
    }

    /// A control operation that a cut may interrupt, with what the pool holds if it took effect.
    struct Control {
        var removed: String?
        var added: (name: String, model: DiskModel)?
    }

    static let requestCount = 16
    static let windowSize = 64 * 1024
    let records: Int
    let slots: Int
    let units: UInt32
    var random: Random
    let disk: SimulatedDisk
    let log: SimulatedLog
    let memory: HostMemory
    var pool: TestPool
    var models: [String: DiskModel] = [:]
    var flights: [UInt64: Flight] = [:]
    var control: Control?
    /// True if the control operation is left to a cut.
    var isCut = false
    var lastControlError: PoolError?
    var stamp: UInt32 = 0
    var change = 0
    var nextID: UInt64 = 0
    var problems: [String] = []
    /// The errors that requests may get.
    var expected: Set<PoolError> = [.poolFull, .quota, .exists, .noRecord, .neededByClone]
    /// True from a cut until the contents are known again.
    var isOpen = false
    /// The words that a read has found, for `verify`.
    var found: [UInt32] = []
    let passesDiscards: Bool

    init(seed: UInt64, units: UInt32 = 900, records: Int = 32, logEntries: Int = 0, slots: Int = 48) {
        self.slots = slots
        self.records = records
        random = Random(seed)
        self.units = units
        passesDiscards = random.oneIn(2)
        disk = SimulatedDisk(units: Int(units))
        log = SimulatedLog(capacity: logEntries)
        let buffers = PoolBuffers(units: units, records: records, slots: slots)
        memory = HostMemory(size: buffers.size, windows: Trial.requestCount, windowSize: Trial.windowSize)
        pool = Pool(
            memory: memory, log: log, units: units, records: records, slots: slots, requests: Trial.requestCount)
        pool.passesDiscards = passesDiscards
        pool.format(identity: seed)
        settle()
    }

    func name(_ text: String) -> PoolName { PoolName(Array(text.utf8))! }
    func index(_ text: String) -> Int? { pool.index(of: name(text)) }
    var names: [String] { models.keys.sorted() }

    // MARK: The device

    func pump() { while let request = pool.nextDeviceRequest() { disk.accept(request) } }

    /// Performs one pending request.
    func step() {
        pool.advance()
        pump()
        guard !disk.pending.isEmpty else { return takeAnswers() }
        let choice = random.below(disk.pending.count)
        disk.pending.swapAt(choice, disk.pending.count - 1)
        let pending = disk.pending.removeLast()
        pool.deviceFinished(pending.request.tag, succeeded: disk.perform(pending, memory))
        pump()
        takeAnswers()
    }

    /// Performs everything.
    func settle() {
        pump()
        var steps = 0
        while !disk.pending.isEmpty || pool.hasWork {
            step()
            steps += 1
            if steps > 100_000 { return problems.append("does not settle") }
        }
        takeAnswers()
        for flight in flights.values { problems.append("\(flight.operation) of \(flight.name) hangs") }
    }

    // MARK: Requests

    func freeWindow() -> Int? {
        (0..<Trial.requestCount).first { window in !flights.values.contains { $0.window == window } }
    }

    /// Gives a request to the pool. Returns false if it has no room.
    @discardableResult
    func submit(_ flight: Flight, disk: Int = 0, sector: UInt64 = 0, count: Int = 0) -> Bool {
        nextID += 1
        var request = PoolRequest(
            id: nextID, flight.operation, disk: disk, sector: sector, count: count, window: flight.window)
        request.isDurable = flight.isDurable
        flights[nextID] = flight
        let id = nextID
        guard pool.submit(request) else {
            flights[id] = nil
            return false
        }
        takeAnswers()
        return true
    }

    /// Performs a control operation. Unless a cut follows, waits for its end.
    ///
    /// - Returns: whether it took effect.
    @discardableResult
    func perform(_ operation: PoolRequest.Operation, on disk: Int = 0, isCut: Bool = false) -> Bool {
        lastControlError = nil
        guard submit(Flight(operation: operation, name: "", window: -1), disk: disk) else { return false }
        if isCut {
            for _ in 0..<random.below(30) { step() }
            return false
        }
        settle()
        return lastControlError == nil
    }

    func takeAnswers() {
        while let answer = pool.nextAnswer() {
            guard let flight = flights.removeValue(forKey: answer.id) else {
                problems.append("an answer to nothing")
                continue
            }
            if let error = answer.error { failed(flight, error) } else { succeeded(flight) }
        }
    }

    private func failed(_ flight: Flight, _ error: PoolError) {
        lastControlError = error
        if !expected.contains(error) { problems.append("\(flight.operation) of \(flight.name): \(error)") }
        switch flight.operation {
        case .write, .discard: for index in flight.indices { models[flight.name]?.doubt(index) }
        case .read: found = []
        default: return
        }
    }

    private func succeeded(_ flight: Flight) {
        switch flight.operation {
        case .read: checkRead(flight)
        case .write where flight.isDurable: models[flight.name]?.harden(flight.indices, upTo: flight.change)
        case .flush: models[flight.name]?.harden(0..<DiskModel.count, upTo: flight.change)
        default: return
        }
    }

    private func checkRead(_ flight: Flight) {
        guard let model = models[flight.name] else { return }
        found = []
        for (position, index) in flight.indices.enumerated() {
            let sector = memory.window(flight.window, position * 512)
            let value = sector[0]
            if sector[64] != value || sector[127] != value { problems.append("\(flight.name) \(index): torn inside") }
            if !model.allows(index, value, isOpen: isOpen || isChanging(flight.name, index)) {
                problems.append("\(flight.name) \(index): read \(value), allowed \(model.describe(index))")
            }
            found.append(value)
        }
    }

    func isChanging(_ name: String, _ index: Int) -> Bool {
        flights.values.contains {
            $0.name == name && $0.indices.contains(index) && ($0.operation == .write || $0.operation == .discard)
        }
    }

    // MARK: After a cut

    /// Opens the pool as a new life of the engine, and checks it.
    func reopen() {
        flights.removeAll()
        pool = Pool(
            memory: memory, log: log, units: units, records: records, slots: slots, requests: Trial.requestCount)
        pool.passesDiscards = passesDiscards
        let hasLog = log.capacity > 0
        if !hasLog { pool.readOnlyReason = .owner }
        pool.open()
        settle()
        guard pool.isMounted else { return problems.append("does not open: \(String(describing: pool.mountFailure))") }
        if !hasLog || random.oneIn(2) { checkAtRest() }
        pool.beginChanges()
        settleControl()
    }

    private func checkAtRest() {
        if log.capacity > 0 {
            // The replayed changes, and the steps of a deletion meanwhile, lie only in memory.
            perform(.commit)
        }
        check()
    }

    /// Takes over the effect of a control operation that a cut has interrupted.
    func settleControl() {
        if let removed = control?.removed, index(removed) == nil { models[removed] = nil }
        if let added = control?.added, let index = index(added.name) {
            models[added.name] = added.model
            models[added.name]!.sectors = pool.record(index).sectors
        }
        control = nil
        for (name, model) in models {
            guard let index = index(name) else { continue }
            if pool.record(index).sectors < model.sectors { problems.append("\(name) has shrunk") }
            models[name]!.sectors = pool.record(index).sectors
        }
    }

    func check(verifiesData: Bool = false) {
        let check = PoolCheck(
            pool, verifiesData: verifiesData, read: disk.unit, checksum: { HostMemory.checksum($0) })
        problems += check.serious.prefix(5).map(\.text)
    }

    /// Compares everything with the models, and takes what is there as the model.
    func verify() {
        for name in names {
            guard let disk = index(name) else {
                problems.append("\(name) is gone")
                models[name] = nil
                continue
            }
            let indices = models[name]!.indices
            for first in stride(from: 0, to: indices.count, by: 96) {
                let range = first..<min(first + 96, indices.count)
                let flight = Flight(operation: .read, name: name, indices: range, window: 0)
                submit(flight, disk: disk, sector: DiskModel.sector(first), count: range.count)
                settle()
                for (position, value) in found.enumerated() {
                    models[name]!.settle(first + position, value, isDurable: isOpen)
                }
            }
        }
        isOpen = false
    }
}
