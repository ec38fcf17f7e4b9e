import ABI
@_spi(Kernel) @testable import Entente
import EntenteTesting
import Testing

/// The four ends of a client's ring wake the right component, and each ends at the right time.
@Suite struct RingEndTests {
    private let kernel = FakeKernel()
    private let server: FakeServer<ExampleServer>
    private let client: FakeComponent
    private let example: ExampleClient

    init() {
        server = kernel.component("server", serving: ExampleServer())
        client = kernel.component("client", shared: 64 << 10)
        example = ExampleClient(client.connect("example", to: server))
    }

    /// Returns the bits that the server has received since the last call.
    private func heardByServer() -> Events {
        defer { server.service.events = Events(bits: 0) }
        return server.service.events
    }

    /// The client is woken by the events that it named in its offer, and the server by those of its reply.
    @Test func aClientThatPutsAndItsServerWakeEachOther() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let producer = ring.producer(waking: try example.stream(ring.offer))
            let accepted = try #require(server.service.ring)
            let consumer = accepted.consumer()
            try server.run { () throws in #expect(try consumer.willSleep()) }
            #expect(try producer.put(1))
            #expect(heardByServer() == .number(7) && Notification.own.poll() == Events(bits: 0))
            while try producer.put(2) {}
            #expect(try producer.willSleep())
            try server.run { () throws in _ = try consumer.take() }
            #expect(Notification.own.poll() == .number(9) && heardByServer() == Events(bits: 0))
        }
    }

    @Test func aClientThatTakesAndItsServerWakeEachOther() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let consumer = ring.consumer(waking: try example.stream(ring.offer))
            let accepted = try #require(server.service.ring)
            let producer = accepted.producer()
            #expect(try consumer.willSleep())
            try server.run { () throws in #expect(try producer.put(1)) }
            #expect(Notification.own.poll() == .number(9) && heardByServer() == Events(bits: 0))
            try server.run { () throws in
                while try producer.put(2) {}
                #expect(try producer.willSleep())
            }
            _ = try consumer.take()
            #expect(heardByServer() == .number(7) && Notification.own.poll() == Events(bits: 0))
        }
    }

    /// A capability that names no event raises the lowest one.
    @Test func aPeerWithoutEventsIsRaisedAllTheSame() throws {
        let own = Capability<Notification>(slot: InitialSlot.notification)
        let ring = try client.run { () throws in try SharedRing<UInt64>(size: 4096, raising: .number(9)) }
        func expectWoken(_ end: String) {
            #expect(Notification.own.poll() == Events(bits: 1), "\(end)")
            RingLayout.begin(ring.memory)
        }
        try client.run { () throws in
            let producer = ring.producer(waking: own), consumer = ring.consumer(waking: own)
            ring.memory.store(1, RingLayout.consumerSleeps)
            #expect(try producer.put(1))
            #expect(Notification.own.poll() == Events(bits: 1))
            ring.memory.store(1, RingLayout.producerSleeps)
            _ = try consumer.take()
            expectWoken("the client's producer")
        }
        let offer = RingOffer<UInt64>(range: ring.offer.range, caller: client.number, events: own)
        let accepted = try server.run { () throws in try offer.accept() }
        try client.run { () throws in
            let producer = accepted.producer(), consumer = accepted.consumer()
            ring.memory.store(1, RingLayout.consumerSleeps)
            #expect(try producer.put(1))
            #expect(Notification.own.poll() == Events(bits: 1))
            ring.memory.store(1, RingLayout.producerSleeps)
            _ = try consumer.take()
            expectWoken("the server's producer")
        }
    }

    /// A client does not take elements of a server's next life for those of the earlier one.
    @Test func aClientTakesNothingOfAnotherLife() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let consumer = ring.consumer(waking: try example.stream(ring.offer))
            #expect(try consumer.count() == 0)
            server.restart()
            ring.memory.store(1, RingLayout.head)
            #expect(throws: RingError.peerGone) { _ = try consumer.take() }
            #expect(throws: RingError.peerGone) { try consumer.count() }
            #expect(throws: RingError.peerGone) { try consumer.willSleep() }
        }
    }

    /// A client dies while the server looks at its offer. The server refuses the offer, or the ring is over at once.
    @Test func aRingOfADyingClientIsOver() throws {
        let steps = try playingThePeerBeforeEachAccess { step in
            client.restart()
            let range = try client.run { () throws in
                try SharedRing<UInt64>(size: 4096, raising: .number(9)).offer.range
            }
            let offer = RingOffer<UInt64>(
                range: range, caller: client.number, events: Capability(slot: InitialSlot.firstReceived))
            let recorder = AccessRecorder(before: step, peer: { client.stop() })
            server.run {
                let accepted = try? recorder.run { () throws in try offer.accept() }
                #expect(accepted == nil || accepted?.isOver == recorder.peerHasActed)
                #expect(accepted != nil || recorder.peerHasActed)
            }
            return recorder.peerHasActed
        }
        #expect(steps >= 1)
    }

    /// A server puts an element and dies while its client renews the ring. The ring is empty afterwards, or over.
    @Test func aRenewedRingIsEmptyOrOver() throws {
        let steps = try playingThePeerBeforeEachAccess { step in
            client.restart()
            return try client.run { () throws in
                var ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
                let peer = Capability<Notification>(slot: InitialSlot.notification)
                server.restart()
                let memory = ring.memory
                let recorder = AccessRecorder(
                    before: step,
                    peer: {
                        memory.store(3, RingLayout.head)
                        server.restart()
                    })
                recorder.run { ring.renew() }
                let consumer = ring.consumer(waking: peer)
                let count = try? consumer.count()
                #expect(count == 0 || count == nil && recorder.peerHasActed)
                return recorder.peerHasActed
            }
        }
        #expect(steps >= 5)
    }
}
