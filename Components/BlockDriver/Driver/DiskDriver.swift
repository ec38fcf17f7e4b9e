import Entente
import VirtioBlock

/// Serves the disks of the board over block connections. A user of whole disks has a connection of its own, so that its
/// requests come here directly. The storage component has all other disks.
///
/// Each disk has one client, a queue and an interrupt of its own, and the driver waits for none of them, so a device
/// that does not answer delays its own requests only. The driver never accesses data: a request names a window, whose
/// address for devices the plan has given to the driver.
public struct DiskDriver {
    private var clients: [DriverClient] = []
    private var disks: [BoardDisk] = []
    /// The windows by their numbers.
    private var windows: [BlockWindow?] = []
    /// The number of looks since the driver has slept, or has fetched its events.
    private var looks = 0

    /// The number of requests of one client that the driver takes before it looks for answers.
    private static let burst = 64
    /// The number of looks after which a driver that does not sleep fetches its events.
    private static let looksWithoutEvents = 16

    /// Finds the resources of a system with disks. Stops the component with a log line if one is missing.
    public init() {
        var connections = Configuration.resources(of: .blockClient)
        while let connection = connections.next() { clients.append(DriverClient(of: connection)) }
        guard !clients.isEmpty else {
            log("this component drives the board's disks, but no part of the system uses them")
            fatalError("no block connection")
        }
        var boardDisks = Configuration.resources(of: .boardDisk)
        while let disk = boardDisks.next() { add(disk) }
        var all = Configuration.resources(of: .window)
        while let resource = all.next() { add(BlockWindow(of: resource)) }
    }

    /// Adds a disk of the board, unless it has no user.
    private mutating func add(_ disk: Resource) {
        let number = Int(truncatingIfNeeded: disk.detail)
        let use = DiskUse.of(boardDisk: number)
        guard
            let client = clients.firstIndex(where: { client in
                use.map { !client.isStorage && client.server.clientNumber == $0.client } ?? client.isStorage
            })
        else { return }
        guard let memory = Self.memory(of: disk) else {
            log("disk '\(name: disk.name)' has no memory for its queue")
            fatalError("a disk without memory")
        }
        let owner = DiskOwner(client: client, number: use?.number ?? number, mayWrite: use?.isReadOnly != true)
        clients[client].add(disks.count, as: owner.number)
        disks.append(BoardDisk(disk, owner, memory: memory, capacity: clients[client].server.capacity))
    }

    /// Returns the memory for the queue of a disk, which has the disk's name.
    private static func memory(of disk: Resource) -> DMAMemory? {
        var memories = Configuration.resources(of: .dmaMemory)
        while let memory = memories.next() {
            var isSame = true
            for index in 0..<Resource.nameSize where memory.name[index] != disk.name[index] { isSame = false }
            if isSame { return DMAMemory(of: memory) }
        }
        return nil
    }

    private mutating func add(_ window: BlockWindow) {
        while windows.count <= Int(window.number) { windows.append(nil) }
        windows[Int(window.number)] = window
    }

    // MARK: Work

    public mutating func run() -> Never {
        start()
        while true {
            // `willSleep` looks for news, so that one look before it is enough.
            look()
            if willSleep() {
                let events = Events.wait()
                didWake()
                heard(events)
            }
        }
    }

    /// Starts all devices, and begins the requests that an earlier life has left. Flushes come last, because nobody
    /// remembers which requests were before them.
    public mutating func start() {
        for index in disks.indices {
            disks[index].start()
            takeNews(index)
        }
        for client in clients {
            var flushes: [BlockServer.Request] = []
            while let next = client.server.nextRequest() {
                if next.request.operation == .flush { flushes.append(next) } else { begin(next, of: client) }
            }
            for flush in flushes { begin(flush, of: client) }
        }
    }

    /// Does everything that there is to do.
    public mutating func work() { while look() {} }

    public mutating func heard(_ events: Events) {
        looks = 0
        for index in disks.indices { disks[index].heard(events) }
    }

    /// Asks clients and devices to wake the driver. Returns false if there is something to do already.
    public mutating func willSleep() -> Bool {
        var sleeps = true
        for client in clients where !client.server.willSleep() { sleeps = false }
        for index in disks.indices where sleeps && !disks[index].driver.willSleep() { sleeps = false }
        if !sleeps { didWake() }
        return sleeps
    }

    private func didWake() { for client in clients { client.server.didWake() } }

    /// Takes some requests and all answers. Returns false if there were none.
    @discardableResult
    private mutating func look() -> Bool {
        // A disk that is always busy must not hide another one's change or request for a reset.
        looks += 1
        if looks == Self.looksWithoutEvents { heard(Notification.own.poll()) }
        var isBusy = false
        for client in clients {
            for _ in 0..<Self.burst {
                guard let next = client.server.nextRequest() else { break }
                begin(next, of: client)
                isBusy = true
            }
        }
        for index in disks.indices {
            disks[index].driver.notify()
            let client = clients[disks[index].owner.client]
            while let answer = disks[index].driver.nextAnswer() {
                client.answer(answer.id, answer.status)
                isBusy = true
            }
            takeNews(index)
        }
        for client in clients { client.server.notify() }
        return isBusy
    }

    private mutating func takeNews(_ index: Int) {
        guard let disk = disks[index].takeNews() else { return }
        let owner = disks[index].owner
        clients[owner.client].server.publish(disk, as: owner.number)
    }

    private mutating func begin(_ next: BlockServer.Request, of client: DriverClient) {
        let request = next.request
        guard let place = client.place(request.disk) else { return client.server.answer(next.slot, .noDisk) }
        var address: UInt64 = 0
        if request.operation == .read || request.operation == .write {
            guard let number = client.window(request.window), let window = window(number),
                window.contains(offset: request.offset, length: request.length)
            else { return client.server.answer(next.slot, .badRequest) }
            address = window.deviceAddress + UInt64(request.offset)
        }
        // Storage does the same. A device takes no such request.
        if request.length == 0, request.operation != .flush { return client.server.answer(next.slot, .ok) }
        client.keep(next.slot)
        let refusal = disks[place].submit(
            DeviceRequest(
                request.operation, sector: request.sector, length: request.length, address: address,
                forcesUnitAccess: request.forcesUnitAccess), as: next.slot.number)
        if let refusal { client.server.answer(next.slot, refusal) }
    }

    @inline(__always) private func window(_ number: UInt16) -> BlockWindow? {
        Int(number) < windows.count ? windows[Int(number)] : nil
    }
}
