import Entente
import EntenteTesting
import Testing

@testable import ItemStore

/// A store of four items, and a client that shares memory for two items with it.
private struct Shop {
    let kernel = FakeKernel()
    let store: FakeServer<StoreServer>
    let client: FakeComponent

    init() {
        store = kernel.component("store", serving: StoreServer(capacity: 4))
        client = kernel.component("client", uses: ["store": store], shared: 64 << 10)
        kernel.share("items", size: 8192, between: client, store)
    }

    static func item(_ number: UInt64) -> [UInt64] { (0..<512).map { number &* 1000 &+ $0 } }

    static func put(_ key: UInt64, _ item: [UInt64]) throws(CallError<StoreError>) {
        let store = StoreClient(named: "store")
        try Lease<Reading>.lending(item.span) { lease throws(CallError<StoreError>) in try store.put(key, lease) }
    }

    static func get(_ key: UInt64, count: Int = 512) throws(CallError<StoreError>) -> [UInt64] {
        let store = StoreClient(named: "store")
        var item = [UInt64](repeating: 0, count: count)
        var span = item.mutableSpan
        try Lease<Writing>.lending(&span) { lease throws(CallError<StoreError>) in try store.get(key, lease) }
        return item
    }

    static func ring() throws -> StoreRing {
        try #require(StoreRing(to: StoreClient(named: "store"), raising: .number(2)))
    }
}

@Suite struct StoreTests {
    private let shop = Shop()

    @Test func givesBackWhatWasPutByACall() throws {
        try shop.client.run { () throws in
            try Shop.put(3, Shop.item(1))
            try Shop.put(0, Shop.item(2))
            try Shop.put(3, Shop.item(3))
            let items = try (Shop.get(0), Shop.get(3))
            #expect(items.0 == Shop.item(2))
            #expect(items.1 == Shop.item(3))
            let store = StoreClient(named: "store")
            let present = try (0..<5).map { key in try store.has(key) }
            #expect(present == [true, false, false, true, false])
        }
    }

    @Test func refusesWrongKeysAndWrongMemory() throws {
        try shop.client.run { () throws in
            try Shop.put(1, Shop.item(1))
            #expect(throws: CallError<StoreError>.failed(.noSuchPlace)) { try Shop.put(4, Shop.item(1)) }
            #expect(throws: CallError<StoreError>.failed(.noSuchPlace)) { try Shop.get(.max) }
            #expect(throws: CallError<StoreError>.failed(.missing)) { try Shop.get(2) }
            #expect(throws: CallError<StoreError>.failed(.badMemory)) { try Shop.put(1, [1, 2]) }
            #expect(throws: CallError<StoreError>.failed(.badMemory)) { try Shop.get(1, count: 513) }
            let item = try Shop.get(1)
            #expect(item == Shop.item(1))
        }
    }

    @Test func givesBackWhatWasPutByARing() throws {
        try shop.client.run { () throws in
            let ring = try Shop.ring()
            let window = SharedRegion(named: "items").memory
            window.write(Shop.item(7).span, at: 4096)
            let requests = [
                StoreRequest(.put, key: 2, place: 1), StoreRequest(.get, key: 2, place: 0),
                StoreRequest(.has, key: 2, place: 0), StoreRequest(.has, key: 3, place: 1),
            ]
            for request in requests {
                let isSent = try ring.send(request)
                #expect(isSent)
            }
            let answers = try (0..<4).map { _ in try ring.waitForAnswer() }
            #expect(answers.map(\.place) == [1, 0, 0, 1])
            #expect(answers.map(\.error) == [nil, nil, nil, .missing])
            var item = [UInt64](repeating: 0, count: 512)
            var span = item.mutableSpan
            window.read(into: &span, at: 0)
            #expect(item == Shop.item(7))
            let called = try Shop.get(2)
            #expect(called == Shop.item(7))
        }
    }

    @Test func checksThePlacesOfAHostileClient() throws {
        try shop.client.run { () throws in
            let ring = try Shop.ring()
            for place in [2, 1 << 19, UInt32.max] {
                for kind in [StoreRequest.Kind.put, .get] {
                    _ = try ring.send(StoreRequest(kind, key: 0, place: place))
                    let answer = try ring.waitForAnswer()
                    #expect(answer == StoreAnswer(place: place, error: .badMemory))
                }
            }
            _ = try ring.send(StoreRequest(.put, key: 4, place: 0))
            let answer = try ring.waitForAnswer()
            #expect(answer.error == .noSuchPlace)
        }
    }

    /// A client that lends memory which it does not have makes no item of zeros.
    @Test func aPutThatFailsMakesNoItem() {
        var table = ItemTable(capacity: 2)
        #expect(throws: StoreError.badMemory) {
            try table.put(1) { words throws(StoreError) in
                words[0] = 1
                throw .badMemory
            }
        }
        #expect(!table.has(1))
    }

    /// The store serves callers between two turns of a client that sends without pause, and forgets no request.
    @Test func answersMoreRequestsThanATurnHas() throws {
        let ring = try shop.client.run { () throws in try Shop.ring() }
        // The store hears of the requests when all are there.
        try shop.store.run { () throws in
            try shop.client.run { () throws in
                for number in 0..<UInt32(StoreRing.capacity) {
                    let isSent = try ring.send(StoreRequest(.has, key: 0, place: number))
                    #expect(isSent)
                }
            }
        }
        try shop.client.run { () throws in
            var answers: [UInt32] = []
            while let answer = try ring.nextAnswer() { answers.append(answer.place) }
            #expect(answers == Array(0..<UInt32(StoreRing.capacity)))
        }
    }

    @Test func takesAWholeBatch() throws {
        try shop.client.run { () throws in
            let ring = try Shop.ring()
            for number in 0..<StoreRing.capacity {
                let isSent = try ring.send(StoreRequest(.has, key: 0, place: UInt32(number)))
                #expect(isSent)
            }
            for number in 0..<StoreRing.capacity {
                let answer = try ring.waitForAnswer()
                #expect(answer == StoreAnswer(place: UInt32(number), error: .missing))
            }
            let next = try ring.nextAnswer()
            #expect(next == nil)
        }
    }

    @Test func connectsToTheNextLife() throws {
        try shop.client.run { () throws in
            var ring = try Shop.ring()
            try Shop.put(0, Shop.item(1))
            shop.store.stop()
            #expect(throws: RingError.peerGone) { try ring.send(StoreRequest(.has, key: 0, place: 0)) }
            let isConnectedEarly = ring.reconnect()
            #expect(!isConnectedEarly)
            shop.store.restart()
            let isConnected = ring.reconnect()
            #expect(isConnected)
            _ = try ring.send(StoreRequest(.has, key: 0, place: 1))
            let answer = try ring.waitForAnswer()
            #expect(answer == StoreAnswer(place: 1, error: nil))
        }
    }

    @Test func refusesWordsThatAreNoRequest() throws {
        try shop.client.run { () throws in
            let ring = try Shop.ring()
            _ = try ring.send(StoreRequest(.has, key: 0, place: 9))
            let answer = try ring.waitForAnswer()
            #expect(answer == StoreAnswer(place: 9, error: .missing))
        }
        #expect(StoreAnswer(place: 5, error: .badRing).word(0) == 5 << 32 | 4)
        #expect(StoreRequest(.get, key: 6, place: 5).word(0) == 5 << 32 | 3)
        #expect(StoreRequest(.get, key: 6, place: 5).word(1) == 6)
    }
}
