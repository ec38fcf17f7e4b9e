import ABI

/// The server's end of a block connection. It takes requests, and answers them in any order.
///
/// The server trusts the client with nothing: it copies each request once, and a request that does not exist is
/// answered with `badRequest`. The server checks sectors and windows itself. The server's next life makes a
/// `BlockServer` of the same resource, and gets all requests again that have no answer.
public struct BlockServer {
    private let connection: BlockConnection
    private let client: Notification
    /// The events that this component gets when the client has submitted requests.
    public let events: Events
    /// The client's number.
    public let clientNumber: UInt64
    /// The bits of this server's own word. The memory has a copy, which the server reads only when it begins.
    private var answered = SlotBits()
    /// The slots whose requests `nextRequest` has returned and that are not answered yet.
    private var taken = SlotBits()
    /// The bank at which `nextRequest` has looked last, and its slots that were seen and not returned yet. They are all
    /// returned before the server looks at the next bank, so that no slot waits for ever.
    private var bank: Int
    private var seen: UInt64 = 0
    private var hasAnswered = false

    public init(of resource: Resource) {
        self.init(
            BlockConnection(of: resource), client: Notification(of: resource),
            events: Events(bits: resource.number & 0xFFFF_FFFF_FFFF), clientNumber: resource.number >> 48)
    }

    init(_ connection: BlockConnection, client: Notification, events: Events, clientNumber: UInt64) {
        (self.connection, self.client) = (connection, client)
        (self.events, self.clientNumber) = (events, clientNumber)
        bank = connection.banks &- 1
        for bank in 0..<connection.banks { answered[bank] = connection.answered(bank) }
    }

    /// The number of slots, and so of requests that can be without an answer.
    public var capacity: Int { connection.banks &* BlockConnectionLayout.slotsPerBank }

    /// A request that the server has to answer.
    public struct Request {
        public let slot: BlockSlot
        public let request: BlockRequest
    }

    /// Returns the next request, or nil if there is none.
    @inline(__always)
    public mutating func nextRequest() -> Request? {
        while seen != 0 || look() {
            let slot = BlockSlot(bank: bank, bit: seen.trailingZeroBitCount)
            seen &= seen &- 1
            taken[bank] |= slot.mask
            if let request = connection.request(in: slot) { return Request(slot: slot, request: request) }
            answer(slot, .badRequest)
        }
        return nil
    }

    /// Looks for requests in the banks in turn. Returns false if there are none.
    @inline(__always)
    private mutating func look() -> Bool {
        for _ in 0..<connection.banks {
            bank = bank &+ 1 == connection.banks ? 0 : bank &+ 1
            seen = (connection.submitted(bank) ^ answered[bank]) & ~taken[bank]
            if seen != 0 { return true }
        }
        return false
    }

    /// Answers a request that `nextRequest` has returned. The client sees the answer at once, and wakes at the next
    /// `notify`.
    @inline(__always)
    public mutating func answer(_ slot: BlockSlot, _ status: BlockStatus) {
        precondition(taken[slot.bank] & slot.mask != 0, "a request is answered twice")
        connection.store(status, of: slot)
        taken[slot.bank] ^= slot.mask
        answered[slot.bank] ^= slot.mask
        connection.setAnswered(slot.bank, answered[slot.bank])
        hasAnswered = true
    }

    /// Wakes the client if it sleeps and the server has answered since the last call.
    @inline(__always)
    public mutating func notify() {
        guard hasAnswered else { return }
        hasAnswered = false
        if connection.client.load(BlockConnectionLayout.clientSleeps) != 0 { client.raise() }
    }

    /// Announces that the server will sleep. Returns true if the client will raise `events` when it submits requests,
    /// and false if a request waits already. A server of several clients calls it for each of them.
    @inline(__always)
    public func willSleep() -> Bool {
        connection.server.store(1, BlockConnectionLayout.serverSleeps)
        for bank in 0..<connection.banks {
            let submitted = connection.client.loadWide(BlockConnectionLayout.submitted &+ 8 &* bank)
            if (submitted ^ answered[bank]) & ~taken[bank] != 0 {
                didWake()
                return false
            }
        }
        return true
    }

    /// Ends the announcement. Until the next `willSleep` the client raises nothing.
    @inline(__always) public func didWake() { connection.server.store(0, BlockConnectionLayout.serverSleeps) }

    /// Publishes the description of a disk, or nil if the disk is gone, and wakes the client if it sleeps.
    public mutating func publish(_ disk: BlockDisk?, as number: Int) {
        connection.publish(disk, as: number)
        hasAnswered = true
        notify()
    }
}
