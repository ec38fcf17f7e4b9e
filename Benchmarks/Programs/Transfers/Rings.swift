import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport
import Synchronization

// Two rings, one for requests and one for answers, in a page that both sides share. Each step is one of the kit's
// `RingProducer` and `RingConsumer`, which need a heap and so cannot be used here: own counters, a check of the peer's
// counter, a copy of the element before it is used, and the flag of a sleeper.

/// A word of 32 bits in shared memory.
@safe
private struct SharedCell {
    private let word: UnsafePointer<Atomic<UInt32>>

    init(at address: UInt64) {
        // SAFETY: both sides have mapped the page for their whole lives, and the address is a multiple of 64.
        unsafe word = UnsafePointer(bitPattern: UInt(address)).unsafelyUnwrapped
    }

    // SAFETY: of all three, see `init`; all accesses of both sides are atomic.
    var acquired: UInt32 { unsafe word.pointee.load(ordering: .acquiring) }
    var value: UInt32 { unsafe word.pointee.load(ordering: .sequentiallyConsistent) }
    func set(_ value: UInt32) { unsafe word.pointee.store(value, ordering: .sequentiallyConsistent) }
}

/// One side of one ring.
struct RingEnd {
    private let head: SharedCell
    private let tail: SharedCell
    private let consumerSleeps: SharedCell
    private let elements: UInt64
    /// The number of elements that this side has put or taken, modulo 2³².
    private var own: UInt32 = 0

    private static let capacity: UInt32 = 64
    static let size: UInt64 = 2048

    init(at base: UInt64) {
        head = SharedCell(at: base)
        tail = SharedCell(at: base &+ 64)
        consumerSleeps = SharedCell(at: base &+ 128)
        elements = base &+ 256
    }

    /// Puts an element. Returns true if the consumer sleeps and needs a signal.
    ///
    /// - Parameter publishes: false to let the consumer see the element only with a later one.
    @inline(__always)
    mutating func put(_ offset: UInt64, _ size: UInt64, publishes: Bool = true) -> Bool {
        require(own &- tail.acquired < RingEnd.capacity, "find room in a ring")
        let place = elements &+ UInt64(own & (RingEnd.capacity &- 1)) &* 16
        entente_write64(place, offset)
        entente_write64(place &+ 8, size)
        own &+= 1
        guard publishes else { return false }
        head.set(own)
        guard consumerSleeps.value != 0 else { return false }
        consumerSleeps.set(0)
        return true
    }

    /// Takes an element. Returns nil if there is none.
    mutating func take() -> (offset: UInt64, size: UInt64)? {
        let waiting = head.acquired &- own
        require(waiting <= RingEnd.capacity, "trust the producer's counter")
        guard waiting > 0 else { return nil }
        let place = elements &+ UInt64(own & (RingEnd.capacity &- 1)) &* 16
        let element = (entente_read64(place), entente_read64(place &+ 8))
        own &+= 1
        tail.set(own)
        return element
    }

    /// Waits for the thread's notification unless an element is there.
    func sleep() {
        consumerSleeps.set(1)
        if head.acquired == own {
            _ = replyWait(ReplyForm.wait)
        } else {
            consumerSleeps.set(0)
        }
    }
}

/// The client's side of both rings.
struct RingClient {
    private var requests: RingEnd
    private var answers: RingEnd
    private let server: UInt32

    /// - Parameters:
    ///   - page: the page of the rings.
    ///   - heard: the client's notification.
    init(_ factory: inout ObjectFactory, _ role: Role, at page: UInt64, _ heard: UInt32) {
        requests = RingEnd(at: page)
        answers = RingEnd(at: page &+ RingEnd.size)
        server = factory.create(.notification)
        // The server finds the client's notification in a word of the page.
        entente_write64(page &+ 192, UInt64(heard))
        bind(server, to: factory.thread(role.rawValue))
    }

    /// Tells the server of `size` bytes in the window, and waits for its answer. The server is more urgent, so that
    /// the answer is there when the signal returns.
    mutating func send(_ size: UInt64) {
        if requests.put(0, size) { signal(server) }
        while answers.take() == nil { answers.sleep() }
    }

    /// Copies items of `size` bytes into the window, tells the server of all by one signal, and waits for all answers.
    mutating func sendMany(_ size: UInt64) {
        for item in 0..<RingClient.batch {
            let offset = item &* size
            copy(to: Place.window &+ offset, from: Place.buffer, size)
            if requests.put(offset, size, publishes: item == RingClient.batch &- 1) { signal(server) }
        }
        for _ in 0..<RingClient.batch { while answers.take() == nil { answers.sleep() } }
    }

    /// The number of items of `sendMany`. Those of 64 KiB fill the window.
    static let batch: UInt64 = 16
}

/// Serves the rings of a page.
///
/// - Parameter copies: true to copy the data out of the window.
func receiveByRing(_ page: UInt64, copies: Bool) -> Never {
    var requests = RingEnd(at: page)
    var answers = RingEnd(at: page &+ RingEnd.size)
    let client = UInt32(truncatingIfNeeded: entente_read64(page &+ 192))
    while true {
        while let request = requests.take() {
            if copies, request.offset <= Place.largest, request.size <= Place.largest &- request.offset {
                copy(to: Place.buffer, from: Place.window &+ request.offset, request.size)
            }
            if answers.put(0, 0) { signal(client) }
        }
        requests.sleep()
    }
}
