import Entente
import VirtioBlock

/// Serves the disks of the board over one block connection, whose client is the storage component.
///
/// Each disk has a queue and an interrupt of its own, and the driver waits for none of them, so a device that does not
/// answer delays its own requests only. The driver never accesses data: a request names a window, whose address for
/// devices the plan has given to the driver.
public struct DiskDriver {
    private var server: BlockServer
    private var disks: [BoardDisk] = []
    /// The disks' places in `disks`, by their numbers in the connection.
    private var places = [Int?](repeating: nil, count: BlockConnectionLayout.maximumDisks)
    /// The windows by their numbers.
    private var windows: [BlockWindow?] = []
    /// The slots of the requests that have no answer, by their numbers.
    private var slots: [BlockSlot?]

    /// The number of requests that the driver takes before it looks for answers.
    private static let burst = 64

    /// Finds the resources of a system with disks. Stops the component with a log line if one is missing.
    public init() {
        var clients = Configuration.resources(of: .blockClient)
        guard let client = clients.next() else {
            log("this component drives the board's disks, but no part of the system uses them")
            fatalError("no block connection")
        }
        server = BlockServer(of: client)
        let capacity = Int(truncatingIfNeeded: client.detail) * BlockConnectionLayout.slotsPerBank
        slots = [BlockSlot?](repeating: nil, count: capacity)
        var boardDisks = Configuration.resources(of: .boardDisk)
        while let disk = boardDisks.next() { add(disk, capacity: capacity) }
        var all = Configuration.resources(of: .window)
        while let resource = all.next() { add(BlockWindow(of: resource)) }
    }

    private mutating func add(_ disk: Resource, capacity: Int) {
        let number = Int(truncatingIfNeeded: disk.detail)
        guard number < places.count, let memory = Self.memory(of: disk) else {
            log("disk '\(name: disk.name)' has no memory for its queue, or a number beyond the table of disks")
            fatalError("a disk without memory")
        }
        places[number] = disks.count
        disks.append(BoardDisk(disk, memory: memory, capacity: capacity))
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
                server.didWake()
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
        var flushes: [BlockServer.Request] = []
        while let next = server.nextRequest() {
            if next.request.operation == .flush { flushes.append(next) } else { begin(next) }
        }
        for flush in flushes { begin(flush) }
    }

    /// Does everything that there is to do.
    public mutating func work() { while look() {} }

    public mutating func heard(_ events: Events) { for index in disks.indices { disks[index].heard(events) } }

    /// Asks client and devices to wake the driver. Returns false if there is something to do already.
    public mutating func willSleep() -> Bool {
        guard server.willSleep() else { return false }
        for index in disks.indices where !disks[index].driver.willSleep() {
            server.didWake()
            return false
        }
        return true
    }

    /// Takes some requests and all answers. Returns false if there were none.
    @discardableResult
    private mutating func look() -> Bool {
        var isBusy = false
        for _ in 0..<Self.burst {
            guard let next = server.nextRequest() else { break }
            begin(next)
            isBusy = true
        }
        for index in disks.indices {
            disks[index].driver.notify()
            while let answer = disks[index].driver.nextAnswer() {
                if let slot = slots[answer.id] { server.answer(slot, answer.status) }
                isBusy = true
            }
            takeNews(index)
        }
        server.notify()
        return isBusy
    }

    private mutating func takeNews(_ index: Int) {
        if let disk = disks[index].takeNews() { server.publish(disk, as: disks[index].number) }
    }

    private mutating func begin(_ next: BlockServer.Request) {
        let request = next.request
        guard Int(request.disk) < places.count, let place = places[Int(request.disk)] else {
            return server.answer(next.slot, .noDisk)
        }
        var address: UInt64 = 0
        if request.operation == .read || request.operation == .write {
            guard let window = window(request.window), window.contains(offset: request.offset, length: request.length)
            else { return server.answer(next.slot, .badRequest) }
            address = window.deviceAddress + UInt64(request.offset)
        }
        slots[next.slot.number] = next.slot
        let refusal = disks[place].submit(
            DeviceRequest(
                request.operation, sector: request.sector, length: request.length, address: address,
                forcesUnitAccess: request.forcesUnitAccess), as: next.slot.number)
        if let refusal { server.answer(next.slot, refusal) }
    }

    private func window(_ number: UInt16) -> BlockWindow? {
        Int(number) < windows.count ? windows[Int(number)] : nil
    }
}
