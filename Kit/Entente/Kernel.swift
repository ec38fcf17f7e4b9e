import ABI

/// The registers `x0…x7` that an operation returned.
public struct Answer {
    /// The value of `x0`: the status, and `ArrivalBits` if a message came that has more than six words.
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
    /// Returns true if the status is `status` and a message brought nothing beyond six words.
    @inline(__always) public func has(_ status: Status) -> Bool { rawStatus == status.rawValue }
    /// The number of words that came in the message page, or 0 if all are in registers (`ArrivalBits`).
    @inline(__always) public var arrivedWords: UInt32 {
        UInt32(truncatingIfNeeded: rawStatus >> ArrivalBits.lengthShift & 0x7F)
    }
    /// The number of capabilities that came in the slots which the message page names.
    @inline(__always) public var arrivedCapabilities: Int {
        Int(truncatingIfNeeded: rawStatus >> ArrivalBits.capabilitiesShift & 3)
    }
    /// True if the caller attached a lease.
    @inline(__always) public var hasLease: Bool { rawStatus & ArrivalBits.lease != 0 }
}

/// Performs one operation of the kernel with any words. The typed functions of this module are built on it.
@_spi(Kernel) @inline(__always) @discardableResult
public func invoke(_ operation: Operation, _ selector: Selector, _ words: Words = Words()) -> Answer {
    Seam.invoke(operation, selector, words)
}

/// Repeats an operation that the kernel may do in pieces, until nothing is left to do.
@_spi(Kernel) @discardableResult
public func invokeUntilDone(_ operation: Operation, _ selector: Selector, _ words: Words = Words()) -> Answer {
    while true {
        let answer = invoke(operation, selector, words)
        if !answer.has(.again) { return answer }
    }
}

/// Removes everything that was derived from a capability, made of it, or bound or mapped by it. `.delete` also
/// removes the capability.
@_spi(Kernel) @discardableResult
public func revoke(_ slot: UInt32, _ form: RevokeForm) -> Status {
    invokeUntilDone(.revoke, Selector(slot: slot, form: form.rawValue)).status
}

/// Raises bits of a notification, or the bits of the capability's badge if it has one. Never blocks.
@_spi(Kernel) @inline(__always) @discardableResult
public func signal(_ notification: UInt32, bits: UInt64 = 1) -> Status {
    invoke(.signal, Selector(slot: notification), Words(bits)).status
}

/// Fetches and clears a notification's bits.
@_spi(Kernel) @inline(__always)
public func poll(_ notification: UInt32) -> UInt64 {
    invoke(.poll, Selector(slot: notification)).tag
}

/// Calls a portal of a thread on this core, and waits for the reply.
@_spi(Kernel) @inline(__always)
public func call(_ portal: UInt32, _ words: Words = Words()) -> Answer {
    invoke(.call, Selector(slot: portal), words)
}

/// Replies to the present caller, waits for the next call or notification, or does both. `form` combines `ReplyForm`
/// bits.
@_spi(Kernel) @inline(__always)
public func replyWait(_ form: UInt32, _ words: Words = Words()) -> Answer {
    invoke(.replyWait, Selector(slot: 0, form: form), words)
}

/// Configures one virtual interrupt of a virtual CPU, or a word of 32 of them.
@_spi(Kernel) @inline(__always) @discardableResult
public func virtualInterrupt(
    _ virtualCPU: UInt32, _ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64 = 0
) -> Answer {
    invoke(.interruptControl, Selector(slot: virtualCPU, form: form.rawValue), Words(index, value))
}

/// Starts, stops or queries a context, or configures it with its words.
@_spi(Kernel) @inline(__always) @discardableResult
public func contextControl(_ context: UInt32, _ form: ContextControl, _ words: Words = Words()) -> Answer {
    invoke(.contextControl, Selector(slot: context, form: form.rawValue), words)
}

/// Writes up to four registers of a stopped context, beginning with register `first`.
@_spi(Kernel) @inline(__always) @discardableResult
public func writeRegisters(
    _ context: UInt32, first: UInt64, count: UInt64, _ v0: UInt64, _ v1: UInt64 = 0, _ v2: UInt64 = 0, _ v3: UInt64 = 0
) -> Status {
    invoke(
        .contextState, Selector(slot: context, form: ContextState.write.rawValue), Words(first, count, v0, v1, v2, v3)
    ).status
}

/// Reads one register of a context.
@_spi(Kernel) @inline(__always)
public func readRegister(_ context: UInt32, _ number: UInt64) -> UInt64 {
    invoke(.contextState, Selector(slot: context, form: ContextState.read.rawValue), Words(number, 1)).words.w2
}

/// Sets a notification's deadline, in ticks of the system counter.
@_spi(Kernel) @inline(__always) @discardableResult
public func setTimer(_ notification: UInt32, deadline: UInt64, bits: UInt64) -> Status {
    invoke(.timer, Selector(slot: notification, form: TimerForm.set.rawValue), Words(deadline, bits)).status
}
