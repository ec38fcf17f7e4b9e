import Entente

/// The store. It trusts no client: the kernel checks each access to lent memory, and a place in shared memory is
/// checked here.
public struct StoreServer: StoreInterface {
    private var table: ItemTable
    /// The memory in which the items of ring requests lie, or nil before the first connection, or if the system has
    /// none.
    private var window: SharedMemory?
    private var requests: AcceptedRing<StoreRequest>?
    private var answers: AcceptedRing<StoreAnswer>?

    /// The event of the client's requests.
    static let requestEvent = Events.number(2)
    /// The event of the room that the client has made for answers.
    static let roomEvent = Events.number(3)

    /// The most requests of a ring that the store answers before it looks for callers.
    private static let turn = 128

    /// - Parameter capacity: the number of items.
    public init(capacity: Int) { table = ItemTable(capacity: capacity) }

    public mutating func has(_ key: UInt64) -> Bool { table.has(key) }

    public mutating func put(_ key: UInt64, _ item: Lease<Reading>) throws(StoreError) {
        guard item.count == ItemTable.itemSize else { throw .badMemory }
        try table.put(key) { words throws(StoreError) in
            do throws(LeaseError) { try item.read(into: &words) } catch { throw .badMemory }
        }
    }

    public mutating func get(_ key: UInt64, _ item: Lease<Writing>) throws(StoreError) {
        guard item.count == ItemTable.itemSize else { throw .badMemory }
        try table.get(key) { words throws(StoreError) in
            do throws(LeaseError) { try item.write(words) } catch { throw .badMemory }
        }
    }

    public mutating func takeRequests(_ ring: RingOffer<StoreRequest>) throws(StoreError) -> Capability<Notification> {
        disconnect()
        requests = try accept(ring)
        return Notification.own.capability(raising: Self.requestEvent)
    }

    public mutating func giveAnswers(_ ring: RingOffer<StoreAnswer>) throws(StoreError) -> Capability<Notification> {
        answers?.release()
        answers = nil
        answers = try accept(ring)
        window = SharedRegion(ifNamed: "items")?.memory
        serveRings()
        return Notification.own.capability(raising: Self.roomEvent)
    }

    public mutating func heard(_ events: Events) { serveRings() }

    private func accept<Element>(_ offer: RingOffer<Element>) throws(StoreError) -> AcceptedRing<Element> {
        do throws(SharingError) {
            return try offer.accept()
        } catch {
            offer.release()
            throw .badRing
        }
    }

    private mutating func disconnect() {
        requests?.release()
        answers?.release()
        (requests, answers) = (nil, nil)
    }

    /// Answers the requests that wait, at most `turn` of them. A client that sends without pause gets its next turn by
    /// an event, so that callers are served in between. A client that has died, or whose rings are nonsense, loses its
    /// connection.
    private mutating func serveRings() {
        guard let requests, let answers else { return }
        let consumer = requests.consumer()
        let producer = answers.producer()
        var answered = 0
        do throws(RingError) {
            repeat {
                while answered < Self.turn, case .element(let request) = try consumer.take() {
                    answered += 1
                    // A client with more requests under way than answers fit loses the others.
                    _ = try producer.put(StoreAnswer(place: request.place, error: perform(request)))
                }
                if answered == Self.turn {
                    Notification.own.raise(Self.requestEvent)
                    return
                }
            } while try !consumer.willSleep()
        } catch {
            disconnect()
        }
    }

    /// Performs a request of a ring.
    ///
    /// - Returns: the reason for which it had no effect.
    private mutating func perform(_ request: StoreRequest) -> StoreError? {
        if request.kind == .has { return table.has(request.key) ? nil : .missing }
        guard let window, Int(request.place) < window.size / ItemTable.itemSize else { return .badMemory }
        let start = Int(request.place) * ItemTable.itemSize
        do throws(StoreError) {
            if request.kind == .put {
                try table.put(request.key) { words throws(StoreError) in window.read(into: &words, at: start) }
            } else {
                try table.get(request.key) { words throws(StoreError) in window.write(words, at: start) }
            }
            return nil
        } catch {
            return error
        }
    }
}
