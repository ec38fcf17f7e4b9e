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

/// The message page of a thread.
@safe
struct MessageMemory {
    static let maximumWords: UInt32 = 64
    private let base: UnsafeMutableRawPointer

    /// The page of a component's only thread.
    static var current: MessageMemory {
        // SAFETY: root mapped the page there before it started this component (ComponentLayout.messagePages).
        unsafe MessageMemory(
            base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(ComponentLayout.messagePages)))
                .unsafelyUnwrapped)
    }

    func word(_ index: UInt32) -> UInt64 { load(UInt32(MessagePage.words) + index % Self.maximumWords * 8) }

    func setWord(_ index: UInt32, to value: UInt64) {
        precondition(index < Self.maximumWords, "a message has at most 64 words")
        store(value, UInt32(MessagePage.words) + index * 8)
    }

    func setCapability(_ index: UInt32, slot: UInt32, rights: Rights, badge: UInt64) {
        let offset = UInt32(MessagePage.sentCapabilities) + (index & 1) * 16
        store(UInt64(slot) | UInt64(rights.rawValue) << 32, offset)
        store(badge, offset + 8)
    }

    func setLease(address: UInt64, size: UInt64, rights: Rights) {
        store(address, UInt32(MessagePage.lease))
        store(size, UInt32(MessagePage.lease) + 8)
        store(UInt64(rights.rawValue), UInt32(MessagePage.lease) + 16)
    }

    /// The two slots for capabilities of messages, the first in the low half.
    var receiveSlots: UInt64 {
        get { load(UInt32(MessagePage.receiveSlots)) }
        nonmutating set { store(newValue, UInt32(MessagePage.receiveSlots)) }
    }

    /// A mask of the received slots in use. It lies behind the part that the kernel reads, so that each thread has
    /// its own.
    var usedSlots: UInt64 {
        get { load(UInt32(MessagePage.own)) }
        nonmutating set { store(newValue, UInt32(MessagePage.own)) }
    }

    /// The number of pieces of shared memory for which the page can hold a count of bytes.
    static let accounts: UInt64 = (4096 - MessagePage.own - 8) / 8
    /// Returns the bytes of a piece of shared memory that are in use; `account` is below `accounts`
    /// (`RingWindow.account`).
    func usedShared(_ account: UInt64) -> UInt64 { load(Self.place(of: account)) }
    func setUsedShared(_ account: UInt64, to bytes: UInt64) { store(bytes, Self.place(of: account)) }

    private static func place(of account: UInt64) -> UInt32 {
        UInt32(MessagePage.own) + 8 + 8 * UInt32(account % accounts)
    }

    private func load(_ offset: UInt32) -> UInt64 {
        // SAFETY: every offset that this type computes is a multiple of 8 inside of the page.
        unsafe base.load(fromByteOffset: Int(offset), as: UInt64.self)
    }

    private func store(_ value: UInt64, _ offset: UInt32) {
        // SAFETY: as in `load`.
        unsafe base.storeBytes(of: value, toByteOffset: Int(offset), as: UInt64.self)
    }
}
