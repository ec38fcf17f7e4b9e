import ABI

/// What an operation brought back: `x0…x7`.
public struct Answer {
    /// `x0`: the status, and `ArrivalBits` when a message came that has more than six words.
    public let rawStatus: UInt64
    /// The tag, badge, generation or notification bits.
    public let tag: UInt64
    public let words: Words

    @inline(__always) public init(rawStatus: UInt64, tag: UInt64 = 0, words: Words = Words()) {
        self.rawStatus = rawStatus
        self.tag = tag
        self.words = words
    }

    @inline(__always) public var status: Status { Status(rawValue: rawStatus & 0xFF) ?? .unsupported }
    /// Whether `status` is that one, and nothing came beside six words.
    @inline(__always) public func has(_ status: Status) -> Bool { rawStatus == status.rawValue }
    /// How many words came by way of the message page (0: up to six, in registers); see `ArrivalBits`.
    @inline(__always) public var arrivedWords: UInt32 {
        UInt32(truncatingIfNeeded: rawStatus >> ArrivalBits.lengthShift & 0x7F)
    }
    /// How many capabilities landed in the slots that the message page names.
    @inline(__always) public var arrivedCapabilities: Int {
        Int(truncatingIfNeeded: rawStatus >> ArrivalBits.capabilitiesShift & 3)
    }
    /// Whether the caller attached a lease.
    @inline(__always) public var hasLease: Bool { rawStatus & ArrivalBits.lease != 0 }
}

/// One operation of the kernel, with words of any meaning. The typed forms in this module are made of it.
@inline(__always) @discardableResult
public func invoke(_ operation: Operation, _ selector: Selector, _ words: Words = Words()) -> Answer {
    Seam.invoke(operation, selector, words)
}

/// An operation that may be done in pieces: repeated until the kernel has nothing left to do.
@discardableResult
public func invokeUntilDone(_ operation: Operation, _ selector: Selector, _ words: Words = Words()) -> Answer {
    while true {
        let answer = invoke(operation, selector, words)
        if !answer.has(.again) { return answer }
    }
}

/// Takes back everything that was derived from, made of, bound or mapped by a capability; `.delete`: and the
/// capability.
@discardableResult
public func revoke(_ slot: UInt32, _ form: RevokeForm) -> Status {
    invokeUntilDone(.revoke, Selector(slot: slot, form: form.rawValue)).status
}

/// Raises bits of a notification (all of the capability's badge bits if it has a badge). Never blocks.
@inline(__always) @discardableResult
public func signal(_ notification: UInt32, bits: UInt64 = 1) -> Status {
    invoke(.signal, Selector(slot: notification), Words(bits)).status
}

/// Fetches and clears a notification's bits.
@inline(__always)
public func poll(_ notification: UInt32) -> UInt64 {
    invoke(.poll, Selector(slot: notification)).tag
}

/// Calls a portal of a thread on this core and waits for its reply.
@inline(__always)
public func call(_ portal: UInt32, _ words: Words = Words()) -> Answer {
    invoke(.call, Selector(slot: portal), words)
}

/// Replies to the present caller, or waits for the next call or notification, or both: `form` is of `ReplyForm`.
@inline(__always)
public func replyWait(_ form: UInt32, _ words: Words = Words()) -> Answer {
    invoke(.replyWait, Selector(slot: 0, form: form), words)
}

/// Configures one virtual interrupt, or a word of 32 of them, of a virtual CPU.
@inline(__always) @discardableResult
public func virtualInterrupt(
    _ virtualCPU: UInt32, _ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64 = 0
) -> Answer {
    invoke(.interruptControl, Selector(slot: virtualCPU, form: form.rawValue), Words(index, value))
}

/// Starts, stops or asks after a context; `configure` takes its words.
@inline(__always) @discardableResult
public func contextControl(_ context: UInt32, _ form: ContextControl, _ words: Words = Words()) -> Answer {
    invoke(.contextControl, Selector(slot: context, form: form.rawValue), words)
}

/// Writes up to four registers of a stopped context, beginning with number `first`.
@inline(__always) @discardableResult
public func writeRegisters(
    _ context: UInt32, first: UInt64, count: UInt64, _ v0: UInt64, _ v1: UInt64 = 0, _ v2: UInt64 = 0, _ v3: UInt64 = 0
) -> Status {
    invoke(
        .contextState, Selector(slot: context, form: ContextState.write.rawValue), Words(first, count, v0, v1, v2, v3)
    ).status
}

/// Reads one register of a context.
@inline(__always)
public func readRegister(_ context: UInt32, _ number: UInt64) -> UInt64 {
    invoke(.contextState, Selector(slot: context, form: ContextState.read.rawValue), Words(number, 1)).words.w2
}

/// Sets a notification's deadline, in ticks of the system counter.
@inline(__always) @discardableResult
public func setTimer(_ notification: UInt32, deadline: UInt64, bits: UInt64) -> Status {
    invoke(.timer, Selector(slot: notification, form: TimerForm.set.rawValue), Words(deadline, bits)).status
}
