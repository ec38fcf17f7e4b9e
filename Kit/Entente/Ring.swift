// A ring in memory that two components share: one puts, the other takes, and each tells the other by a notification
// when it sleeps. No kernel and no copy is on the way of the data.
//
// Neither side believes the other. Its own counter is kept in memory of its own and only published; the peer's counter
// is read once for each step, and a distance that cannot be ends the ring (`peerBroken`). An element is copied out
// before it is looked at, and is checked like a message's parameters. So a hostile peer can lose or invent elements of
// this ring, and wake its peer for nothing, and no more. The peer's death ends the ring too (`peerGone`): the memory
// stays, but the peer's next life may use it for something else.
//
// A position takes memory from the heap, so programs without one have no rings.

#if !NO_HEAP

    /// Where things lie in a ring's memory, in bytes. Each side writes cache lines of its own.
    public enum RingLayout {
        /// UInt32: elements that were put, modulo 2³²; written by the producer.
        static let head = 0
        /// UInt32: elements that were taken; written by the consumer.
        static let tail = 64
        /// UInt32: the consumer sleeps until something comes; set by it, cleared by who wakes it.
        static let consumerSleeps = 128
        /// UInt32: the producer sleeps until there is room.
        static let producerSleeps = 192
        static let data = 256

        /// Makes an empty ring of whatever an earlier life has left.
        static func begin(_ memory: SharedMemory) {
            memory.store(0, head)
            memory.store(0, tail)
            memory.store(0, consumerSleeps)
            memory.store(0, producerSleeps)
        }

        /// Elements that fit: a power of two, so that counters may wrap; 0 when there is no room for one.
        static func capacity(of memory: SharedMemory, wordCount: Int) -> UInt32 {
            guard wordCount > 0, wordCount <= 64, memory.size > data else { return 0 }
            let fit = UInt32(truncatingIfNeeded: min((memory.size - data) / (8 * wordCount), 1 << 24))
            return fit == 0 ? 0 : 1 << (31 - UInt32(fit.leadingZeroBitCount))
        }
    }

    /// What a ring carries: a fixed number of words.
    public protocol RingElement {
        /// 1…64.
        static var wordCount: Int { get }
        /// Word `index`, below `wordCount`.
        func word(_ index: Int) -> UInt64
        /// Nil when the words are none that the type allows.
        init?(words: RingWords)
    }

    extension UInt64: RingElement {
        public static var wordCount: Int { 1 }
        public func word(_ index: Int) -> UInt64 { self }
        public init?(words: RingWords) { self = words[0] }
    }

    /// An element's words, copied out of the shared memory: they no longer change.
    public struct RingWords {
        private var storage = InlineArray<64, UInt64>(repeating: 0)
        fileprivate mutating func set(_ index: Int, _ word: UInt64) { storage[index] = word }
        public subscript(_ index: Int) -> UInt64 { storage[index] }
    }

    /// The reason why a ring is over.
    public enum RingError: Error, Equatable {
        /// The peer's counter is impossible. The ring is of no more use until both sides begin anew.
        case peerBroken
        /// The peer has died. The ring is over; its next life makes and offers another one, or its client renews this
        /// one (`SharedRing.renew`).
        case peerGone
    }

    /// What a consumer took.
    public enum Taken<Element> {
        case element(Element)
        /// The words of an element that the type does not allow; it is gone, and the ring goes on.
        case malformed
        case empty
    }

    /// How far one side of a ring has come. It lies in that side's own memory, and all ends that are made of one ring
    /// share it: so each of them goes on where the one before has stopped.
    final class RingPosition {
        /// Elements put so far, modulo 2³².
        var head: UInt32 = 0
        /// Elements taken so far, modulo 2³².
        var tail: UInt32 = 0
        /// Whether the peer's counter has been impossible.
        var isBroken = false
    }

    /// The side that puts. Copies share their position, so one can be kept wherever it is needed.
    public struct RingProducer<Element: RingElement> {
        private let memory: SharedMemory
        private let consumer: Notification
        private let events: Events
        private let peer: PeerLife?
        private let position: RingPosition
        public let capacity: UInt32
        /// Elements put so far: what the memory says is never read back. Tests begin near its
        /// wrap; nothing else sets it.
        var head: UInt32 {
            get { position.head }
            nonmutating set { position.head = newValue }
        }
        private var isBroken: Bool {
            get { position.isBroken }
            nonmutating set { position.isBroken = newValue }
        }

        /// - Parameters:
        ///   - memory: the ring's, which the consumer sees, too.
        ///   - consumer: raised when the consumer sleeps and something comes.
        ///   - events: what the consumer hears then.
        public init(_ memory: SharedMemory, consumer: Notification, events: Events = Events(bits: 1)) {
            self.init(memory, consumer: consumer, events: events, peer: nil)
        }

        init(
            _ memory: SharedMemory, consumer: Notification, events: Events, peer: PeerLife?,
            at position: RingPosition = RingPosition()
        ) {
            self.memory = memory
            self.peer = peer
            self.position = position
            self.consumer = consumer
            self.events = events
            capacity = RingLayout.capacity(of: memory, wordCount: Element.wordCount)
        }

        /// Puts an element; false when the ring is full.
        public func put(_ element: Element) throws(RingError) -> Bool {
            guard try room() > 0 else { return false }
            let at = RingLayout.data + Int(head & (capacity &- 1)) * 8 * Element.wordCount
            for index in 0..<Element.wordCount { memory[at + 8 * index] = element.word(index) }
            // As late as possible: the peer's next life may have begun since.
            try requirePeer()
            head &+= 1
            memory.store(head, RingLayout.head)
            if memory.load(RingLayout.consumerSleeps) != 0 {
                memory.store(0, RingLayout.consumerSleeps)
                consumer.raise(events)
            }
            return true
        }

        /// Elements that can be put now.
        public func room() throws(RingError) -> UInt32 {
            try requirePeer()
            let waiting = head &- memory.acquire(RingLayout.tail)
            if waiting > capacity { isBroken = true }
            if isBroken { throw .peerBroken }
            return capacity &- waiting
        }

        /// True: the consumer will raise this side's notification when it takes something. False: there is room
        /// already.
        public func willSleep() throws(RingError) -> Bool {
            try requirePeer()
            memory.store(1, RingLayout.producerSleeps)
            guard try room() > 0 else { return true }
            memory.store(0, RingLayout.producerSleeps)
            return false
        }

        /// The memory is the next life's once the peer has died.
        @inline(__always) private func requirePeer() throws(RingError) {
            if let peer, peer.isOver { throw .peerGone }
        }
    }

    /// The side that takes. Copies share their position, so one can be kept wherever it is needed.
    public struct RingConsumer<Element: RingElement> {
        private let memory: SharedMemory
        private let producer: Notification
        private let events: Events
        private let peer: PeerLife?
        private let position: RingPosition
        public let capacity: UInt32
        /// Elements taken so far. Tests begin near its wrap; nothing else sets it.
        var tail: UInt32 {
            get { position.tail }
            nonmutating set { position.tail = newValue }
        }
        private var isBroken: Bool {
            get { position.isBroken }
            nonmutating set { position.isBroken = newValue }
        }

        /// - Parameters:
        ///   - memory: the ring's, which the producer sees, too.
        ///   - producer: raised when the producer sleeps and there is room.
        ///   - events: what the producer hears then.
        public init(_ memory: SharedMemory, producer: Notification, events: Events = Events(bits: 1)) {
            self.init(memory, producer: producer, events: events, peer: nil)
        }

        init(
            _ memory: SharedMemory, producer: Notification, events: Events, peer: PeerLife?,
            at position: RingPosition = RingPosition()
        ) {
            self.memory = memory
            self.peer = peer
            self.position = position
            self.producer = producer
            self.events = events
            capacity = RingLayout.capacity(of: memory, wordCount: Element.wordCount)
        }

        /// Takes the oldest element.
        public func take() throws(RingError) -> Taken<Element> {
            guard try count() > 0 else { return .empty }
            let at = RingLayout.data + Int(tail & (capacity &- 1)) * 8 * Element.wordCount
            var words = RingWords()
            for index in 0..<Element.wordCount { words.set(index, memory[at + 8 * index]) }
            // Behind the copy: it is not the next life's element that was copied.
            try requirePeer()
            tail &+= 1
            memory.store(tail, RingLayout.tail)
            if memory.load(RingLayout.producerSleeps) != 0 {
                memory.store(0, RingLayout.producerSleeps)
                producer.raise(events)
            }
            guard let element = Element(words: words) else { return .malformed }
            return .element(element)
        }

        /// Elements that wait; at most `capacity`.
        public func count() throws(RingError) -> UInt32 {
            try requirePeer()
            let waiting = memory.acquire(RingLayout.head) &- tail
            if waiting > capacity { isBroken = true }
            if isBroken { throw .peerBroken }
            return waiting
        }

        /// True: the producer will raise this side's notification when it puts something. False: something waits
        /// already.
        public func willSleep() throws(RingError) -> Bool {
            try requirePeer()
            memory.store(1, RingLayout.consumerSleeps)
            guard try count() == 0 else {
                memory.store(0, RingLayout.consumerSleeps)
                return false
            }
            return true
        }

        /// The memory is the next life's once the peer has died.
        @inline(__always) private func requirePeer() throws(RingError) {
            if let peer, peer.isOver { throw .peerGone }
        }
    }

#endif
