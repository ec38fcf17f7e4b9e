import ABI
@_spi(Kernel) @testable import Entente
import EntenteTesting
import Testing

/// Rings from a client's offer to the end of both lives. A connection's memory outlives its ends, and nobody else
/// reaches it.
@Suite struct RingOfferTests {
    private let kernel = FakeKernel()
    private let server: FakeServer<ExampleServer>
    private let client: FakeComponent
    private let example: ExampleClient

    init() {
        server = kernel.component("server", serving: ExampleServer())
        client = kernel.component("client", shared: 64 << 10)
        example = ExampleClient(client.connect("example", to: server))
    }

    @Test func ringsAreParameters() throws {
        try client.run { () throws in
            // A server that releases its rings can accept further ones.
            for _ in 0..<14 {
                let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
                let peer = try example.stream(ring.offer)
                let producer = ring.producer(waking: peer)
                for number in 1...100 as ClosedRange<UInt64> { #expect(try producer.put(number)) }
                #expect(try example.drain() == 5050)
                #expect(try producer.put(1))
                peer.release()
            }
            #expect(server.service.events.contains(.number(7)))
            #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 64 << 10, raising: .number(9)) }
        }
    }

    // MARK: The client ends

    @Test func aRingOutlivesItsClient() throws {
        let ring = try client.run { () throws in try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
        try client.run { () throws in
            let peer = try example.stream(ring.offer)
            let producer = ring.producer(waking: peer)
            #expect(try producer.put(5))
        }
        try server.run { () throws in
            let accepted = try #require(server.service.ring)
            let consumer = accepted.consumer()
            let producer = accepted.producer()
            #expect(!accepted.isOver)
            #expect(try consumer.count() == 1)
            client.stop()
            for _ in 0..<2 {
                #expect(accepted.isOver)
                #expect(accepted.memory[RingLayout.data] == 5)
                #expect(throws: RingError.peerGone) { _ = try consumer.take() }
                #expect(throws: RingError.peerGone) { try consumer.willSleep() }
                #expect(throws: RingError.peerGone) { try producer.put(1) }
                #expect(throws: RingError.peerGone) { try producer.willSleep() }
                client.restart()
            }
        }
    }

    /// The next life finds the memory as the earlier one left it, and makes an empty ring of it, which the earlier ends
    /// do not touch.
    @Test func theNextLifeBeginsAnew() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let producer = ring.producer(waking: try example.stream(ring.offer))
            for number in 1...7 as ClosedRange<UInt64> { #expect(try producer.put(number)) }
        }
        let earlier = try #require(server.service.ring)
        client.restart()
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let producer = ring.producer(waking: try example.stream(ring.offer))
            #expect(try producer.room() == producer.capacity)
            #expect(try producer.put(40))
            server.run {
                let consumer = earlier.consumer()
                #expect(throws: RingError.peerGone) { _ = try consumer.take() }
            }
            #expect(try example.drain() == 40)
        }
    }

    @Test func anOfferOfAnEarlierLifeIsRefused() throws {
        let ring = try client.run { () throws in try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
        client.restart()
        client.run {
            #expect(throws: CallError<ExampleError>.failed(.badRing)) { try example.stream(ring.offer) }
        }
        #expect(error(of: ring.offer.range, from: client) == .refused(.dead))
    }

    // MARK: The server ends

    @Test func aClientLearnsThatItsServerHasDied() throws {
        try client.run { () throws in
            var ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let producer = ring.producer(waking: try example.stream(ring.offer))
            for number in 1...7 as ClosedRange<UInt64> { #expect(try producer.put(number)) }
            server.stop()
            #expect(throws: RingError.peerGone) { try producer.put(8) }
            server.restart()
            #expect(throws: RingError.peerGone) { try producer.put(8) }
            // Each new life of the server uses the same memory.
            for _ in 0..<40 {
                ring.renew()
                let peer = try example.stream(ring.offer)
                defer { peer.release() }
                var next = ring.producer(waking: peer)
                #expect(try next.put(8))
                #expect(try example.drain() == 8)
                server.restart()
                #expect(throws: RingError.peerGone) { try next.put(9) }
            }
        }
    }

    // MARK: Offers that nobody may make

    /// Returns the error by which `accept` refuses an offer of `caller`, or nil if it accepts the offer.
    private func error(of range: RingRange, from caller: FakeComponent) -> SharingError? {
        let offer = RingOffer<UInt64>(
            range: range, caller: caller.number, events: Capability(slot: InitialSlot.firstReceived))
        return server.run {
            do throws(SharingError) {
                _ = try offer.accept()
                return nil
            } catch {
                return error
            }
        }
    }

    private func range(_ offset: UInt64, _ size: UInt64) -> RingRange {
        RingRange(offset: offset, size: size, server: server.number, life: 0)
    }

    @Test func anOfferLiesInsideOfWhatBothShare() {
        #expect(error(of: range(0, 64 << 10), from: client) == nil)
        #expect(error(of: range(60 << 10, 4096), from: client) == nil)
        let outside: [(UInt64, UInt64)] = [(4096, 64 << 10), (64 << 10, 4096), (0xFFFF << 12, 4096), (60 << 10, 8192)]
        for (offset, size) in outside {
            #expect(error(of: range(offset, size), from: client) == .refused(.badArgument))
        }
    }

    @Test(arguments: [0, 1 << 24, 17 << 16, 0xFF << 16, 0xFFFF] as [UInt64])
    func aSizeThatNoRingHasIsMalformed(word: UInt64) {
        #expect(RingRange(word: word) == nil)
    }

    /// Each claim of a client ends in an error, or in memory inside of the window that it shares with this server.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func noClaimReachesOutside(seed: UInt64) {
        var random = Seeded(seed)
        for _ in 0..<500 {
            let word = random.next() & (random.chance(2) ? .max : 0x11F_001F)
            guard let range = RingRange(word: word) else { continue }
            #expect(RingRange(word: range.word)?.word == range.word)
            if error(of: range, from: client) == nil {
                #expect(range.offset + range.size <= 64 << 10 && range.life == 0 && range.server == server.number)
            }
        }
    }

    @Test func aClientThatSharesNothingOffersNothing() {
        let poor = kernel.component("poor", uses: ["example": server])
        #expect(error(of: range(0, 4096), from: poor) == .refused(.badCapability))
        poor.run {
            #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
        }
        // A component that shares no memory refuses them as well.
        kernel.component("lonely").run {
            #expect(throws: SharingError.noMemory) { try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
        }
    }

    /// Two clients name the same place, and mean two pieces of memory.
    @Test func eachClientHasMemoryOfItsOwn() throws {
        let second = kernel.component("second", uses: ["example": server], shared: 64 << 10)
        for (component, number) in [(client, 11), (second, 22)] as [(FakeComponent, UInt64)] {
            try component.run { () throws in
                let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
                let example = ExampleClient(named: "example")
                let producer = ring.producer(waking: try example.stream(ring.offer))
                #expect(try producer.put(number))
                #expect(try example.drain() == number)
            }
        }
    }

    @Test func aRingIsForOneServer() throws {
        let other = kernel.component("other", serving: ExampleServer())
        let toOther = client.connect("other", to: other)
        try client.run { () throws in
            #expect(throws: SharingError.severalServers) { try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
            #expect(throws: SharingError.refused(.badCapability)) {
                try SharedRing<UInt64>(size: 4096, with: Portal(slot: 77), raising: .number(9))
            }
            let ring = try SharedRing<UInt64>(size: 4096, with: toOther, raising: .number(9))
            #expect(throws: CallError<ExampleError>.failed(.badRing)) { try example.stream(ring.offer) }
            let producer = ring.producer(waking: try ExampleClient(toOther).stream(ring.offer))
            #expect(try producer.put(3))
            #expect(try ExampleClient(toOther).drain() == 3)
        }
    }

    /// Two connections to a server share one memory, and no part of it is given out twice.
    @Test func aSecondConnectionToAServerHasTheFirstOnesMemory() throws {
        let again = client.connect("again", to: server)
        try client.run { () throws in
            let first = try SharedRing<UInt64>(size: 4096, with: example.portal, raising: .number(9))
            let second = try SharedRing<UInt64>(size: 4096, with: again, raising: .number(9))
            #expect(second.offer.range.offset == first.offer.range.offset + 4096)
            let producer = second.producer(waking: try ExampleClient(again).stream(second.offer))
            #expect(try producer.put(3))
            #expect(try example.drain() == 3)
        }
    }

    @Test func aServerHandsNothingOn() throws {
        let third = kernel.component("third", serving: ExampleServer())
        let onward = ExampleClient(server.connect("third", to: third))
        let ring = try client.run { () throws in try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
        server.run {
            let received = RingOffer<UInt64>(range: ring.offer.range, caller: client.number, events: ring.offer.events)
            #expect(throws: CallError<ExampleError>.malformed) { try onward.stream(received) }
        }
    }
}
