import ABI

/// A value that a request or a reply carries: a number, a capability, a lease.
///
/// `take` returns a value that the type allows, or nil, for any words that the peer has sent.
public protocol Parameter {
    @inline(__always) func append(to message: inout OutgoingMessage)
    @inline(__always) static func take(from message: inout IncomingMessage) -> Self?
    /// The value as a log shows it, for example as the server's error in a `CallError`. An enum shows its raw value.
    var logText: LogText { get }
}

extension Parameter {
    public var logText: LogText { "…" }
}

/// A message to be sent. Six words travel in registers, and further words in the thread's message page.
public struct OutgoingMessage {
    public var words = Words()
    var count: UInt32 = 0
    var capabilities: UInt32 = 0
    var hasLease = false

    /// Begins a request with its method's number, or a reply with its outcome.
    @inline(__always) public init(_ first: UInt64) {
        words.w0 = first
        count = 1
    }

    @inline(__always) public mutating func append(_ word: UInt64) {
        switch count {
        case 0: words.w0 = word
        case 1: words.w1 = word
        case 2: words.w2 = word
        case 3: words.w3 = word
        case 4: words.w4 = word
        case 5: words.w5 = word
        default: MessageMemory.current.setWord(count, to: word)
        }
        count &+= 1
    }

    /// Appends a capability. The receiver gets a child of it with these rights.
    public mutating func append(capability slot: UInt32, rights: Rights, badge: UInt64) {
        precondition(capabilities < 2, "a message carries at most two capabilities")
        MessageMemory.current.setCapability(capabilities, slot: slot, rights: rights, badge: badge)
        capabilities &+= 1
    }

    /// Appends memory that the receiver may access, as `rights` say, until it replies.
    public mutating func append(leaseAt address: UInt64, size: UInt64, rights: Rights) {
        precondition(!hasLease, "a message carries at most one lease")
        MessageMemory.current.setLease(address: address, size: size, rights: rights)
        hasLease = true
    }

    @inline(__always) public var shape: MessageShape {
        MessageShape(length: count, capabilities: capabilities, lease: hasLease)
    }
}

/// A message that has come. The receiver reads it from front to back.
public struct IncomingMessage {
    public let words: Words
    /// The `ArrivalBits`.
    let arrival: UInt64
    /// The caller's number, which root assigned; 0 in replies.
    public let caller: UInt64
    private var next: UInt32 = 0
    private var nextCapability: UInt32 = 0
    /// The slots that received the capabilities. It is a copy of `MessageMemory.receiveSlots`, because later calls
    /// change that word.
    private let landed: UInt64

    @inline(__always) init(_ answer: Answer, caller: UInt64) {
        words = answer.words
        arrival = answer.rawStatus
        self.caller = caller
        // All of these slots become used at once, so that none is offered again before it is released.
        landed = answer.arrivedCapabilities == 0 ? 0 : ReceivedSlots.land(answer.arrivedCapabilities)
    }

    @inline(__always) public mutating func takeWord() -> UInt64? {
        let index = next
        next &+= 1
        switch index {
        case 0: return words.w0
        case 1: return words.w1
        case 2: return words.w2
        case 3: return words.w3
        case 4: return words.w4
        case 5: return words.w5
        default:
            let length = UInt32(truncatingIfNeeded: arrival >> ArrivalBits.lengthShift & 0x7F)
            return index < min(length, MessageMemory.maximumWords) ? MessageMemory.current.word(index) : nil
        }
    }

    /// Takes the next capability that has come, and returns its slot, or nil if there is no further one.
    public mutating func takeCapability() -> UInt32? {
        guard nextCapability < UInt32(truncatingIfNeeded: arrival >> ArrivalBits.capabilitiesShift & 3) else {
            return nil
        }
        let slot = UInt32(truncatingIfNeeded: landed >> (32 * UInt64(nextCapability & 1)))
        nextCapability &+= 1
        return ReceivedSlots.contains(slot) ? slot : nil
    }

    @inline(__always) var hasCapabilities: Bool { arrival >> ArrivalBits.capabilitiesShift & 3 != 0 }

    /// Releases the capabilities that no parameter has taken. If `all` is true, it releases the others, too, because
    /// the caller drops the values made of them.
    mutating func releaseCapabilities(all: Bool) {
        guard hasCapabilities else { return }
        if all { nextCapability = 0 }
        while let slot = takeCapability() { ReceivedSlots.release(slot) }
    }

    /// True if the caller attached a lease.
    public var hasLease: Bool { arrival & ArrivalBits.lease != 0 }
}
