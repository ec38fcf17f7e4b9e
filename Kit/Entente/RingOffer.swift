import ABI

/// The reasons for which memory cannot be shared.
public enum SharingError: Error, Equatable {
    /// `shared` of the manifest is used up.
    case noMemory
    /// This component uses several servers, and each has memory of its own, so that the caller must name one.
    case severalServers
    /// The offer was not taken. `badCapability`: this component shares nothing with the one that offers, or the offer
    /// was made for another server. `badArgument`: the ring is not inside of what both share. `dead`: the life of the
    /// client that made the offer is over.
    case refused(Status)
}

#if !NO_HEAP

    /// A ring that this component makes in the memory that it shares with a server (`shared` in the manifest), and
    /// offers to that server.
    ///
    /// The memory belongs to the connection: it outlives both ends, and neither can take it from the other.
    public struct SharedRing<Element: RingElement> {
        public let memory: SharedMemory
        /// A parameter of the call that hands it over.
        public private(set) var offer: RingOffer<Element>
        private var server: PeerLife

        /// - Parameters:
        ///   - size: bytes, rounded up to pages of 4 KiB; at most 64 KiB.
        ///   - portal: the connection of `uses` over which the ring is offered; not needed if there is only one.
        ///   - events: the events that the peer may raise here when it has put or taken an element and this side
        ///     sleeps.
        public init(size: Int, with portal: Portal? = nil, raising events: Events) throws(SharingError) {
            try self.init(size: size, in: RingWindow.ofConnection(portal), raising: events)
        }

        /// A ring in the memory that this component shares with the server that its manifest calls `server`, under
        /// `uses`. Without such a server the component stops, with a line that says so.
        public init(named server: StaticString, size: Int, raising events: Events) throws(SharingError) {
            try self.init(size: size, in: RingWindow.ofConnection(Portal(named: server)), raising: events)
        }

        private init(size: Int, in window: RingWindow, raising events: Events) throws(SharingError) {
            let size = (UInt64(max(size, 1)) + 4095) & ~4095
            let page = MessageMemory.current
            guard let account = window.account else { throw .noMemory }
            let offset = page.usedShared(account)
            guard size <= ComponentLayout.maximumRing, let memory = window.memory(at: offset, size: size) else {
                throw .noMemory
            }
            page.setUsedShared(account, to: offset + size)
            self.memory = memory
            server = window.life(of: .server)
            let life = window.life(of: .client).number
            offer = RingOffer(
                range: RingRange(offset: offset, size: size, server: window.peer, life: life), caller: 0,
                events: Notification.own.capability(raising: events))
            RingLayout.begin(memory)
        }

        /// The side that puts. `peer` came with the server's reply. A second one goes on where the first has stopped.
        public func producer(waking peer: Capability<Notification>) -> RingProducer<Element> {
            RingProducer(
                memory, consumer: Notification(peer), events: Events(bits: 1), peer: server, at: offer.position)
        }

        /// The side that takes. A second one goes on where the first has stopped.
        public func consumer(waking peer: Capability<Notification>) -> RingConsumer<Element> {
            RingConsumer(
                memory, producer: Notification(peer), events: Events(bits: 1), peer: server, at: offer.position)
        }

        /// Empties the ring for the server's next life: offer it again, and then make a new end.
        ///
        /// The life of the server that accepted it before must be over (`RingError.peerGone`), otherwise both are
        /// broken.
        public mutating func renew() {
            // Ends of the life before keep theirs, and are told that their peer is gone.
            offer.position = RingPosition()
            server.renew()
            RingLayout.begin(memory)
        }
    }

    /// A ring as a parameter: its place in the memory that both components share, and the notification of its maker.
    /// The server replies with a `Capability<Notification>` of its own, so that either side can wake the other.
    ///
    /// It is good for the server of its connection only. A server that hands it on hands on nothing: the receiver finds
    /// it malformed.
    public struct RingOffer<Element: RingElement>: Parameter {
        let range: RingRange
        /// The number of the component that offers, as root gave it; 0 on the side that made the offer.
        let caller: UInt64
        let events: Capability<Notification>
        /// Of this side: it does not travel.
        fileprivate(set) var position = RingPosition()
        /// In bytes. `accept` checks it against what both share.
        public var size: UInt64 { range.size }

        public func append(to message: inout OutgoingMessage) {
            message.append(caller == 0 ? range.word : 0)
            events.append(to: &message)
        }

        public static func take(from message: inout IncomingMessage) -> RingOffer? {
            // A reply has no caller whose memory it could be.
            guard let word = message.takeWord(), let range = RingRange(word: word), message.caller != 0,
                let events = Capability<Notification>.take(from: &message)
            else { return nil }
            return RingOffer(range: range, caller: message.caller, events: events)
        }

        /// Server: begins to use the ring. After an error the offer is still there: `release` it.
        public func accept() throws(SharingError) -> AcceptedRing<Element> {
            guard range.server == RingWindow.ownNumber, let window = RingWindow(ofCaller: caller) else {
                throw .refused(.badCapability)
            }
            guard let memory = window.memory(at: range.offset, size: range.size) else { throw .refused(.badArgument) }
            let client = window.life(of: .client)
            guard client.number == range.life else { throw .refused(.dead) }
            return AcceptedRing(offer: self, memory: memory, client: client)
        }

        /// Server: releases the capability of an offer that it does not accept.
        public func release() { events.release() }
    }

    /// A client's ring that this component uses. Its memory is there as long as this component lives, whatever the
    /// client does.
    public struct AcceptedRing<Element: RingElement> {
        let offer: RingOffer<Element>
        public let memory: SharedMemory
        private let client: PeerLife

        fileprivate init(offer: RingOffer<Element>, memory: SharedMemory, client: PeerLife) {
            self.offer = offer
            self.memory = memory
            self.client = client
        }

        /// The side that puts. A second one goes on where the first has stopped.
        public func producer() -> RingProducer<Element> {
            RingProducer(
                memory, consumer: Notification(offer.events), events: Events(bits: 1), peer: client, at: offer.position)
        }

        /// The side that takes. A second one goes on where the first has stopped.
        public func consumer() -> RingConsumer<Element> {
            RingConsumer(
                memory, producer: Notification(offer.events), events: Events(bits: 1), peer: client, at: offer.position)
        }

        /// Whether the client that offered it has died. Its ends then throw `peerGone`, and a server `release`s it.
        public var isOver: Bool { client.isOver }

        /// Gives up the client's notification, so that its slot can receive another. Do not use the ring's ends
        /// afterwards: they would wake nobody, or the owner of what came into that slot.
        public func release() { offer.release() }
    }

#endif
