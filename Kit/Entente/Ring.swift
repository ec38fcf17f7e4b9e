// A ring lies in memory that two components share. One side puts elements, the other takes them, and each side
// signals a notification of the other if that one sleeps. The data needs neither the kernel nor a copy.
//
// Neither side trusts the other. Each side keeps its own counter in its own memory and only publishes it. It reads
// the peer's counter once for each step, and an impossible distance ends the ring (`peerBroken`). The consumer copies
// an element before it checks the element like a message's parameters. So a hostile peer can only lose or invent
// elements of this ring, and wake the other side for nothing. The peer's death ends the ring, too (`peerGone`),
// because the peer's next life may use the memory for something else.
//
// A position takes memory from the heap, so programs without a heap have no rings.

#if !NO_HEAP

    /// The places in a ring's memory, in bytes. Each side writes cache lines of its own.
    public enum RingLayout {
        /// The offset of a UInt32 that the producer writes: the number of elements put, modulo 2³².
        static let head = 0
        /// The offset of a UInt32 that the consumer writes: the number of elements taken, modulo 2³².
        static let tail = 64
        /// The offset of a UInt32 that the consumer sets before it sleeps. The side that wakes it clears the flag.
        static let consumerSleeps = 128
        /// The offset of a UInt32 that the producer sets before it sleeps until there is room.
        static let producerSleeps = 192
        static let data = 256

        /// Empties the ring, whose memory may hold bytes of an earlier life.
        static func begin(_ memory: SharedMemory) {
            memory.store(0, head)
            memory.store(0, tail)
            memory.store(0, consumerSleeps)
            memory.store(0, producerSleeps)
        }

        /// Returns the number of elements that fit: a power of two, so that counters may wrap, or 0 if not even one
        /// fits.
        static func capacity(of memory: SharedMemory, wordCount: Int) -> UInt32 {
            guard wordCount > 0, wordCount <= 64, memory.size > data else { return 0 }
            let fit = UInt32(truncatingIfNeeded: min((memory.size - data) / (8 * wordCount), 1 << 24))
            return fit == 0 ? 0 : 1 << (31 - UInt32(fit.leadingZeroBitCount))
        }
    }

    /// A value that a ring carries, as a fixed number of words.
    public protocol RingElement {
        /// The number of words, 1…64.
        static var wordCount: Int { get }
        /// Returns word `index`, which is below `wordCount`.
        func word(_ index: Int) -> UInt64
        /// Decodes an element. Returns nil if the type does not allow these words.
        init?(words: RingWords)
    }

    extension UInt64: RingElement {
        public static var wordCount: Int { 1 }
        public func word(_ index: Int) -> UInt64 { self }
        public init?(words: RingWords) { self = words[0] }
    }

    /// The words of an element. They are a copy of the shared memory, so that the peer cannot change them.
    public struct RingWords {
        private var storage = InlineArray<64, UInt64>(repeating: 0)
        fileprivate mutating func set(_ index: Int, _ word: UInt64) { storage[index] = word }
        public subscript(_ index: Int) -> UInt64 { storage[index] }
    }

    public enum RingError: Error, Equatable {
        /// The peer's counter is impossible. The ring stays unusable until both sides begin anew.
        case peerBroken
        /// The peer has died, which ends the ring. The peer's next life makes and offers another ring, or the client
        /// renews this one (`SharedRing.renew`).
        case peerGone
    }

    /// The result of taking from a ring.
    public enum Taken<Element> {
        case element(Element)
        /// The words of an element that the type does not allow. The element is removed, and the ring goes on.
        case malformed
        case empty
    }

    /// The progress of one side of a ring. It lies in that side's own memory. All ends made of one ring share it, so
    /// that each end goes on where the end before has stopped.
    final class RingPosition {
        /// The number of elements put so far, modulo 2³².
        var head: UInt32 = 0
        /// The number of elements taken so far, modulo 2³².
        var tail: UInt32 = 0
        /// True after the peer's counter has been impossible.
        var isBroken = false
    }

    /// The producer's end of a ring. Copies share their position, so that several parts of a program can keep one.
    public struct RingProducer<Element: RingElement> {
        private let memory: SharedMemory
        private let consumer: Notification
        private let events: Events
        private let peer: PeerLife?
        private let position: RingPosition
        public let capacity: UInt32
        /// The number of elements put so far. The producer never reads it back from the memory. Only tests set it, to
        /// begin near its wrap.
        var head: UInt32 {
            get { position.head }
            nonmutating set { position.head = newValue }
        }
        private var isBroken: Bool {
            get { position.isBroken }
            nonmutating set { position.isBroken = newValue }
        }

        /// Makes the end of a ring in `memory`.
        ///
        /// - Parameters:
        ///   - consumer: the notification in which `put` raises `events` if the consumer sleeps.
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

        /// Puts an element. Returns false if the ring is full.
        public func put(_ element: Element) throws(RingError) -> Bool {
            guard try room() > 0 else { return false }
            let at = RingLayout.data + Int(head & (capacity &- 1)) * 8 * Element.wordCount
            for index in 0..<Element.wordCount { memory[at + 8 * index] = element.word(index) }
            // This check comes as late as possible, because the peer's next life may have begun since the first one.
            try requirePeer()
            head &+= 1
            memory.store(head, RingLayout.head)
            if memory.load(RingLayout.consumerSleeps) != 0 {
                memory.store(0, RingLayout.consumerSleeps)
                consumer.raise(events)
            }
            return true
        }

        /// Returns the number of elements that the producer can put now.
        public func room() throws(RingError) -> UInt32 {
            try requirePeer()
            let waiting = head &- memory.acquire(RingLayout.tail)
            if waiting > capacity { isBroken = true }
            if isBroken { throw .peerBroken }
            return capacity &- waiting
        }

        /// Announces that the producer will sleep. Returns true if the consumer will raise this side's notification
        /// after it takes an element, and false if there is room already.
        public func willSleep() throws(RingError) -> Bool {
            try requirePeer()
            memory.store(1, RingLayout.producerSleeps)
            guard try room() > 0 else { return true }
            memory.store(0, RingLayout.producerSleeps)
            return false
        }

        /// Throws if the peer has died, because the memory then belongs to the peer's next life.
        @inline(__always) private func requirePeer() throws(RingError) {
            if let peer, peer.isOver { throw .peerGone }
        }
    }

    /// The consumer's end of a ring. Copies share their position, so that several parts of a program can keep one.
    public struct RingConsumer<Element: RingElement> {
        private let memory: SharedMemory
        private let producer: Notification
        private let events: Events
        private let peer: PeerLife?
        private let position: RingPosition
        public let capacity: UInt32
        /// The number of elements taken so far. Only tests set it, to begin near its wrap.
        var tail: UInt32 {
            get { position.tail }
            nonmutating set { position.tail = newValue }
        }
        private var isBroken: Bool {
            get { position.isBroken }
            nonmutating set { position.isBroken = newValue }
        }

        /// Makes the end of a ring in `memory`.
        ///
        /// - Parameters:
        ///   - producer: the notification in which `take` raises `events` if the producer sleeps.
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

        /// Takes the oldest element. Returns `empty` if there is none.
        public func take() throws(RingError) -> Taken<Element> {
            guard try count() > 0 else { return .empty }
            let at = RingLayout.data + Int(tail & (capacity &- 1)) * 8 * Element.wordCount
            var words = RingWords()
            for index in 0..<Element.wordCount { words.set(index, memory[at + 8 * index]) }
            // The check follows the copy, so that the copied element is not one of the peer's next life.
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

        /// Returns the number of elements that wait; at most `capacity`.
        public func count() throws(RingError) -> UInt32 {
            try requirePeer()
            let waiting = memory.acquire(RingLayout.head) &- tail
            if waiting > capacity { isBroken = true }
            if isBroken { throw .peerBroken }
            return waiting
        }

        /// Announces that the consumer will sleep. Returns true if the producer will raise this side's notification
        /// after it puts an element, and false if an element waits already.
        public func willSleep() throws(RingError) -> Bool {
            try requirePeer()
            memory.store(1, RingLayout.consumerSleeps)
            guard try count() == 0 else {
                memory.store(0, RingLayout.consumerSleeps)
                return false
            }
            return true
        }

        /// Throws if the peer has died, because the memory then belongs to the peer's next life.
        @inline(__always) private func requirePeer() throws(RingError) {
            if let peer, peer.isOver { throw .peerGone }
        }
    }

#endif
