import ABI

#if !NO_HEAP

    /// A ring that this component makes in the memory that it shares with a server (`shared` in the manifest), and
    /// that it offers to that server.
    ///
    /// The memory belongs to the connection: it outlives both ends, and neither end can take it from the other.
    public struct SharedRing<Element: RingElement> {
        public let memory: SharedMemory
        /// The offer of this ring, as a parameter of the call that passes it to the server.
        public private(set) var offer: RingOffer<Element>
        private var server: PeerLife

        /// Makes an empty ring.
        ///
        /// - Parameters:
        ///   - size: the size in bytes, rounded up to pages of 4 KiB; at most 64 KiB.
        ///   - portal: the connection of `uses` over which this component offers the ring; nil if there is only one.
        ///   - events: the events that the peer may raise here after it has put or taken an element.
        public init(size: Int, with portal: Portal? = nil, raising events: Events) throws(SharingError) {
            try self.init(size: size, in: RingWindow.ofConnection(portal), raising: events)
        }

        /// Makes a ring in the memory that this component shares with the server that its manifest calls `server`,
        /// under `uses`. Stops the component with a log line if there is no such server.
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

        /// Returns the producer's end. `peer` came with the server's reply. A second end goes on where the first has
        /// stopped.
        public func producer(waking peer: Capability<Notification>) -> RingProducer<Element> {
            RingProducer(
                memory, consumer: Notification(peer), events: Events(bits: 1), peer: server, at: offer.position)
        }

        /// Returns the consumer's end. A second end goes on where the first has stopped.
        public func consumer(waking peer: Capability<Notification>) -> RingConsumer<Element> {
            RingConsumer(
                memory, producer: Notification(peer), events: Events(bits: 1), peer: server, at: offer.position)
        }

        /// Empties the ring for the server's next life. The component then offers the ring again, and makes a new
        /// end.
        ///
        /// The life of the server that accepted the ring before must be over (`RingError.peerGone`), because
        /// otherwise both sides find the ring broken.
        public mutating func renew() {
            // The ends of the life before keep their position, and throw `peerGone`.
            offer.position = RingPosition()
            server.renew()
            RingLayout.begin(memory)
        }
    }

    /// A ring as a parameter: its place in the memory that both components share, and the notification of its maker.
    /// The server replies with a `Capability<Notification>` of its own, so that each side can wake the other.
    ///
    /// Only the server of the ring's connection can use it. If that server passes the offer on, the receiver finds it
    /// malformed.
    public struct RingOffer<Element: RingElement>: Parameter {
        let range: RingRange
        /// The number of the client, which root assigned; 0 on the side that made the offer.
        let caller: UInt64
        let events: Capability<Notification>
        /// The progress of this side, which does not travel with the message.
        fileprivate(set) var position = RingPosition()
        /// The size in bytes. `accept` checks it against the shared memory.
        public var size: UInt64 { range.size }

        public func append(to message: inout OutgoingMessage) {
            message.append(caller == 0 ? range.word : 0)
            events.append(to: &message)
        }

        public static func take(from message: inout IncomingMessage) -> RingOffer? {
            // A reply has no caller, so there is no memory that a ring in it could belong to.
            guard let word = message.takeWord(), let range = RingRange(word: word), message.caller != 0,
                let events = Capability<Notification>.take(from: &message)
            else { return nil }
            return RingOffer(range: range, caller: message.caller, events: events)
        }

        /// Begins to use the ring; only the server calls it. After an error the server still has the offer, and
        /// `release`s it.
        public func accept() throws(SharingError) -> AcceptedRing<Element> {
            guard range.server == RingWindow.ownNumber, let window = RingWindow(ofCaller: caller) else {
                throw .refused(.badCapability)
            }
            guard let memory = window.memory(at: range.offset, size: range.size) else { throw .refused(.badArgument) }
            let client = window.life(of: .client)
            guard client.number == range.life else { throw .refused(.dead) }
            return AcceptedRing(offer: self, memory: memory, client: client)
        }

        /// Releases the capability of an offer that the server does not accept.
        public func release() { events.release() }
    }

    /// A client's ring that this component uses. Its memory stays mapped as long as this component lives, even if the
    /// client dies.
    public struct AcceptedRing<Element: RingElement> {
        let offer: RingOffer<Element>
        public let memory: SharedMemory
        private let client: PeerLife

        fileprivate init(offer: RingOffer<Element>, memory: SharedMemory, client: PeerLife) {
            self.offer = offer
            self.memory = memory
            self.client = client
        }

        /// Returns the producer's end. A second end goes on where the first has stopped.
        public func producer() -> RingProducer<Element> {
            RingProducer(
                memory, consumer: Notification(offer.events), events: Events(bits: 1), peer: client, at: offer.position)
        }

        /// Returns the consumer's end. A second end goes on where the first has stopped.
        public func consumer() -> RingConsumer<Element> {
            RingConsumer(
                memory, producer: Notification(offer.events), events: Events(bits: 1), peer: client, at: offer.position)
        }

        /// True if the client that offered the ring has died. The ring's ends then throw `peerGone`, and the server
        /// `release`s it.
        public var isOver: Bool { client.isOver }

        /// Releases the client's notification, so that its slot can receive another capability. The server must not
        /// use the ring's ends afterwards, because they would wake nobody, or the owner of the slot's next
        /// capability.
        public func release() { offer.release() }
    }

#endif
