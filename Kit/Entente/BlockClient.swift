import ABI

/// The client's end of a block connection. It submits requests, and takes the answers in any order.
///
/// The client trusts the server with the data and nothing else: no word of the server stops the component, names
/// memory, or frees a slot that is in use. The client's next life makes a `BlockClient` of the same resource. It finds
/// the requests of the life before (`slotInUse`), and their answers come as all others do. It wakes the server for
/// them.
///
///     var client = BlockClient(named: "disks")
///     client.submit(BlockRequest(.read, sector: 8, length: 4096, offset: 0))
///     client.notify()
///     …
///     while let answer = client.nextAnswer() {
///         …
///         client.release(answer.slot)
///     }
public struct BlockClient {
    private let connection: BlockConnection
    private let server: Notification
    /// The events that this component gets when the server has answered.
    public let events: Events
    /// The bits of this client's own words. The memory has copies, which the client reads only when it begins.
    private var submitted = SlotBits()
    private var consumed = SlotBits()
    /// The slots whose answers `nextAnswer` has seen and not returned yet.
    private var seen = SlotBits()
    /// The slots whose answers were returned and that are not released yet.
    private var returned = SlotBits()
    /// The banks with requests whose answers were not returned: a bit for each.
    private var busyBanks: UInt64 = 0
    /// The number of slots that are not in use.
    public private(set) var freeCount: Int
    /// The server's count of changed descriptions as `willSleep` and `disksHaveChanged` have seen it.
    private var changesBeforeSleep: UInt64 = 0
    private var changesSeen: UInt64

    /// Uses the connection that the plan calls `name`. Stops the component with a log line if there is none.
    public init(named name: StaticString) {
        guard let resource = Configuration.resource(.blockServer, named: name) else {
            log("this component uses the disks of '\(name)', but its plan has no such connection: add 'disks'")
            fatalError("no such block connection")
        }
        self.init(of: resource)
    }

    public init(of resource: Resource) {
        self.init(
            BlockConnection(of: resource), server: Notification(of: resource), events: Events(bits: resource.number))
    }

    init(_ connection: BlockConnection, server: Notification, events: Events) {
        (self.connection, self.server, self.events) = (connection, server, events)
        // A first call of `disksHaveChanged` returns true.
        changesSeen = ~connection.descriptionChanges
        freeCount = connection.banks &* BlockConnectionLayout.slotsPerBank
        for bank in 0..<connection.banks {
            submitted[bank] = connection.submitted(bank)
            consumed[bank] = connection.consumed(bank)
            let used = submitted[bank] ^ consumed[bank]
            freeCount &-= used.nonzeroBitCount
            if used != 0 { busyBanks |= 1 &<< UInt64(bank) }
        }
        // The life before may have died after it submitted a request, and before it woke the server.
        if busyBanks != 0 { notify() }
    }

    /// The number of slots.
    public var capacity: Int { connection.banks &* BlockConnectionLayout.slotsPerBank }

    /// Submits a request. The server performs it at the latest after the next `notify`. Returns its slot, or nil if no
    /// slot is free.
    ///
    /// The request's bytes in the window belong to the server until the answer comes.
    @inline(__always) @discardableResult
    public mutating func submit(_ request: BlockRequest) -> BlockSlot? {
        for bank in 0..<connection.banks {
            let free = ~(submitted[bank] ^ consumed[bank])
            guard free != 0 else { continue }
            let slot = BlockSlot(bank: bank, bit: free.trailingZeroBitCount)
            connection.store(request, in: slot)
            submitted[bank] ^= slot.mask
            connection.setSubmitted(bank, submitted[bank])
            busyBanks |= 1 &<< UInt64(truncatingIfNeeded: bank)
            freeCount &-= 1
            return slot
        }
        return nil
    }

    /// Wakes the server if it sleeps. The client calls it once after it has submitted several requests.
    @inline(__always)
    public func notify() {
        if connection.server.load(BlockConnectionLayout.serverSleeps) != 0 { server.raise() }
    }

    /// An answer, whose slot the client has not released yet.
    public struct Answer {
        public let slot: BlockSlot
        public let status: BlockStatus
        /// The cookie of the request.
        public let cookie: UInt64
    }

    /// Returns the next answer, or nil if there is none. Each answer comes once in a life of the client. If the client
    /// dies before it has released the slot, its next life gets the answer again.
    @inline(__always)
    public mutating func nextAnswer() -> Answer? {
        var banks = busyBanks
        while banks != 0 {
            let bank = banks.trailingZeroBitCount
            banks &= banks &- 1
            if seen[bank] == 0 { seen[bank] = unreturned(bank) & ~(submitted[bank] ^ connection.answered(bank)) }
            guard seen[bank] != 0 else { continue }
            let slot = BlockSlot(bank: bank, bit: seen[bank].trailingZeroBitCount)
            seen[bank] &= seen[bank] &- 1
            returned[bank] |= slot.mask
            if unreturned(bank) == 0 { busyBanks &= ~(1 &<< UInt64(truncatingIfNeeded: bank)) }
            return Answer(slot: slot, status: connection.status(of: slot), cookie: cookie(of: slot))
        }
        return nil
    }

    /// The slots of a bank that are in use and whose answers were not returned.
    @inline(__always)
    private func unreturned(_ bank: Int) -> UInt64 { submitted[bank] ^ consumed[bank] ^ returned[bank] }

    /// Frees a slot whose answer came, after the client has taken the data out of the window.
    @inline(__always)
    public mutating func release(_ slot: BlockSlot) {
        precondition(returned[slot.bank] & slot.mask != 0, "a slot is released without an answer")
        returned[slot.bank] ^= slot.mask
        consumed[slot.bank] ^= slot.mask
        freeCount &+= 1
        connection.setConsumed(slot.bank, consumed[slot.bank])
    }

    /// Returns the slot of this number if it is in use: its request has no answer yet, or the answer is not released.
    /// A client that was restarted finds the requests of its life before in this way.
    public func slotInUse(_ number: Int) -> BlockSlot? {
        guard number >= 0, number < capacity else { return nil }
        let slot = BlockSlot(
            bank: number / BlockConnectionLayout.slotsPerBank, bit: number % BlockConnectionLayout.slotsPerBank)
        return (submitted[slot.bank] ^ consumed[slot.bank]) & slot.mask == 0 ? nil : slot
    }

    /// Returns the request of a slot that is in use. It is the client's own copy, which no peer can write. Returns nil
    /// if an earlier life of the client has left other words there.
    public func request(in slot: BlockSlot) -> BlockRequest? { connection.request(in: slot) }

    private func cookie(of slot: BlockSlot) -> UInt64 {
        connection.client[
            BlockConnectionLayout.requests &+ BlockConnectionLayout.requestSize &* slot.number &+ 24]
    }

    /// Announces that the client will sleep. Returns true if the server will raise `events` when it answers or changes
    /// a description. Returns false if an answer waits already, and once after a change of descriptions, so that a
    /// client that then looks at the disks again sleeps through none.
    @inline(__always)
    public mutating func willSleep() -> Bool {
        announceSleep()
        let changes = connection.descriptionChanges
        if changes != changesBeforeSleep {
            changesBeforeSleep = changes
            didWake()
            return false
        }
        var banks = busyBanks
        while banks != 0 {
            let bank = banks.trailingZeroBitCount
            banks &= banks &- 1
            let answered = connection.server.loadWide(BlockConnectionLayout.answered &+ 8 &* bank)
            if unreturned(bank) & ~(submitted[bank] ^ answered) != 0 {
                didWake()
                return false
            }
        }
        return true
    }

    @inline(__always) func announceSleep() { connection.client.store(1, BlockConnectionLayout.clientSleeps) }

    /// Ends the announcement. Until the next `willSleep` the server raises nothing.
    @inline(__always) public func didWake() { connection.client.store(0, BlockConnectionLayout.clientSleeps) }

    /// Returns true if the server has changed a description since the last call, and at the first call.
    public mutating func disksHaveChanged() -> Bool {
        let changes = connection.descriptionChanges
        defer { changesSeen = changes }
        return changes != changesSeen
    }

    /// Returns the server's description of a disk; nil if the server has no disk of this number, or is changing its
    /// description. The server raises `events` after each change.
    public func disk(_ number: Int) -> BlockDisk? { connection.disk(number) }
}
