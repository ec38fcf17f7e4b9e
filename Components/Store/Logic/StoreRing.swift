import Entente

/// A client's rings to a store. The client has at most `capacity` requests under way.
public struct StoreRing {
    private let store: StoreClient
    private var requestRing: SharedRing<StoreRequest>
    private var answerRing: SharedRing<StoreAnswer>
    private var requests: RingProducer<StoreRequest>
    private var answers: RingConsumer<StoreAnswer>
    private let events: Events

    /// The most requests under way: the answers to all of them fit.
    public static let capacity = 256
    private static let size = 8192

    /// Makes the rings, and hands them to the store. Returns nil if the store takes none.
    ///
    /// - Parameter events: the events that the store raises when it has answered.
    public init?(to store: StoreClient, raising events: Events) {
        guard let requestRing = try? SharedRing<StoreRequest>(size: Self.size, with: store.portal, raising: events),
            let answerRing = try? SharedRing<StoreAnswer>(size: Self.size, with: store.portal, raising: events),
            let ends = Self.connect(store, requestRing, answerRing)
        else { return nil }
        (self.store, self.events, self.requestRing, self.answerRing) = (store, events, requestRing, answerRing)
        (requests, answers) = ends
    }

    /// Hands the rings to the store's next life. Returns false if the store takes none, for example because it does not
    /// live yet.
    public mutating func reconnect() -> Bool {
        requestRing.renew()
        answerRing.renew()
        guard let ends = Self.connect(store, requestRing, answerRing) else { return false }
        (requests, answers) = ends
        return true
    }

    private static func connect(
        _ store: StoreClient, _ requests: SharedRing<StoreRequest>, _ answers: SharedRing<StoreAnswer>
    ) -> (RingProducer<StoreRequest>, RingConsumer<StoreAnswer>)? {
        guard let wakesForRequests = try? store.takeRequests(requests.offer),
            let wakesForRoom = try? store.giveAnswers(answers.offer)
        else { return nil }
        return (requests.producer(waking: wakesForRequests), answers.consumer(waking: wakesForRoom))
    }

    /// Sends a request. Returns false if there is no room.
    public func send(_ request: StoreRequest) throws(RingError) -> Bool { try requests.put(request) }

    /// Returns the next answer, or nil if there is none yet.
    public func nextAnswer() throws(RingError) -> StoreAnswer? {
        guard case .element(let answer) = try answers.take() else { return nil }
        return answer
    }

    /// Waits until there is an answer, and returns it. Throws if the store has died.
    public func waitForAnswer() throws(RingError) -> StoreAnswer {
        while true {
            if let answer = try nextAnswer() { return answer }
            if try answers.willSleep() { _ = Events.wait() }
        }
    }
}
