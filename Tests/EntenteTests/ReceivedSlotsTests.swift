import ABI
@_spi(Kernel) import Entente
import EntenteTesting
import Testing

/// A peer can neither use up nor block the slots for the capabilities of messages.
@Suite struct ReceivedSlotsTests {
    private let kernel = FakeKernel()
    private let server: FakeServer<Broker>
    private let client: FakeComponent
    private let broker: BrokerClient
    private let events = Capability<Notification>(slot: InitialSlot.notification, rights: .write, badge: 2)
    /// The number of repetitions, which exceeds the number of slots.
    private let often = Int(InitialSlot.receivedCount) + 3

    init() {
        server = kernel.component("server", serving: Broker())
        server.connect("peer", to: kernel.component("peer", serving: Stuffer()))
        client = kernel.component("client")
        broker = BrokerClient(client.connect("broker", to: server))
    }

    /// An honest client's capability still arrives.
    private func expectRoom() throws {
        try client.run { () throws in #expect(try broker.keep(events, in: .on)) }
        server.run { server.service.drop() }
    }

    @Test func aMalformedRequestLeavesNothing() throws {
        client.run {
            for _ in 0..<often {
                var message = OutgoingMessage(1)
                events.append(to: &message)
                message.append(77)
                #expect(throws: CallError<Never>.malformed) {
                    try broker.portal.call(message, result: Nothing.self, failure: Never.self)
                }
            }
        }
        try expectRoom()
    }

    @Test func capabilitiesThatNoMethodTakesLeaveNothing() throws {
        try client.run { () throws in
            for _ in 0..<often {
                var message = OutgoingMessage(1)
                events.append(to: &message)
                events.append(to: &message)
                Mode.on.append(to: &message)
                #expect(try broker.portal.call(message, result: Bool.self, failure: Never.self))
                try broker.drop()
                // The method calls another component before the second one is released.
                message = OutgoingMessage(2)
                events.append(to: &message)
                #expect(try broker.portal.call(message, result: Bool.self, failure: Never.self))
            }
        }
        try expectRoom()
    }

    @Test func aReplyThatBringsThemUnaskedLeavesNothing() throws {
        try client.run { () throws in for _ in 0..<often { #expect(try broker.ask()) } }
        try expectRoom()
    }

    @Test func thereIsRoomAfterAnEventThatFetchedSome() throws {
        server.raise(.number(3))
        #expect(server.service.fetched == 1)
        try expectRoom()
    }

    /// The sender has revoked the capability, or has died.
    @Test func aSlotThatWasEmptiedIsFreeAgain() throws {
        for _ in 0..<often {
            try client.run { () throws in #expect(try broker.keep(events, in: .on)) }
            server.run {
                _ = server.service.kept.map { revoke($0.slot, .delete) }
                server.service.drop()
            }
        }
    }
}

private struct Broker: BrokerInterface {
    var kept: Capability<Notification>?
    var fetched = 0

    mutating func keep(_ events: Capability<Notification>, in mode: Mode) -> Bool {
        kept = events
        _ = ask()
        return Notification(events).raise() == .ok
    }

    mutating func ask() -> Bool { (try? ExampleClient(named: "peer").add(1, to: 1)) == 2 }

    mutating func drop() {
        kept?.release()
        kept = nil
    }

    mutating func heard(_ events: Events) {
        guard let capability = try? ExampleClient(named: "peer").own(1) else { return }
        fetched += 1
        capability.release()
    }
}

/// Answers every call by 2 and two capabilities.
private struct Stuffer: Service {
    mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage {
        var reply = OutgoingMessage.done(2 as UInt64)
        for _ in 0..<2 { Notification.own.capability(raising: .number(1)).append(to: &reply) }
        return reply
    }
}
