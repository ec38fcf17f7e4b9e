@testable import Entente
import EntenteTesting
import Testing

/// An end of a ring that is made a second time goes on where the first has stopped.
@Suite struct RingPositionTests {
    private let kernel = FakeKernel()
    private let server: FakeServer<ExampleServer>
    private let client: FakeComponent
    private let example: ExampleClient

    init() {
        server = kernel.component("server", serving: ExampleServer())
        client = kernel.component("client", shared: 64 << 10)
        example = ExampleClient(client.connect("example", to: server))
    }

    private func takeAll(_ consumer: RingConsumer<UInt64>) throws -> [UInt64] {
        var taken: [UInt64] = []
        while case .element(let element) = try consumer.take() { taken.append(element) }
        return taken
    }

    @Test func endsOfAClientAndItsServerGoOn() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let peer = try example.stream(ring.offer)
            let accepted = try #require(server.service.ring)
            // The elements fill the ring more than once, and each has an end of its own.
            for number in 0..<1000 as Range<UInt64> {
                #expect(try ring.producer(waking: peer).put(number))
                #expect(try server.run { () throws in try takeAll(accepted.consumer()) } == [number])
                #expect(try server.run { () throws in try takeAll(accepted.consumer()) }.isEmpty)
            }
        }
    }

    @Test func endsTheOtherWayRoundGoOn() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let peer = try example.stream(ring.offer)
            let accepted = try #require(server.service.ring)
            for number in 0..<1000 as Range<UInt64> {
                let isPut = try server.run { () throws in try accepted.producer().put(number) }
                #expect(isPut)
                #expect(try takeAll(ring.consumer(waking: peer)) == [number])
                #expect(try takeAll(ring.consumer(waking: peer)).isEmpty)
            }
        }
    }

    /// Copies of an end share its position.
    @Test func copiesShareTheirPosition() throws {
        try client.run { () throws in
            let ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let ends = [ring.producer(waking: try example.stream(ring.offer))]
            let copy = ends[0]
            #expect(try copy.put(1) && ends[0].put(2) && copy.put(3))
            let accepted = try #require(server.service.ring)
            #expect(try server.run { () throws in try takeAll(accepted.consumer()) } == [1, 2, 3])
        }
    }

    @Test func aRenewedRingBeginsAnew() throws {
        try client.run { () throws in
            var ring = try SharedRing<UInt64>(size: 4096, raising: .number(9))
            let first = ring.producer(waking: try example.stream(ring.offer))
            #expect(try first.put(1))
            server.restart()
            ring.renew()
            let peer = try example.stream(ring.offer)
            #expect(try ring.producer(waking: peer).put(2))
            let accepted = try #require(server.service.ring)
            #expect(try server.run { () throws in try takeAll(accepted.consumer()) } == [2])
            #expect(throws: RingError.peerGone) { try first.put(3) }
        }
    }
}
