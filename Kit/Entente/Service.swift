import ABI

/// A server of calls. An interface is a protocol that refines this one, and `./entente generate` writes its `answer`.
public protocol Service {
    /// Answers one call. `./entente generate` writes it for each interface, and only `serve` and the fakes call it.
    mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage

    /// True if methods take capabilities; `serve` then keeps slots ready for them. `./entente generate` writes it.
    static var takesCapabilities: Bool { get }

    /// Prepares to answer a call. `caller` is the number that root gave to the client, and no client can forge it.
    mutating func willAnswer(_ caller: UInt64)

    /// Handles events that were raised in this component's notification: an alarm, a ring, input of the console.
    mutating func heard(_ events: Events)
}

extension Service {
    @inline(__always) public static var takesCapabilities: Bool { false }
    @inline(__always) public mutating func willAnswer(_ caller: UInt64) {}
    @inline(__always) public mutating func heard(_ events: Events) {}
}

/// Serves calls and events, and never returns on the board. On the host it returns when the fake kernel has no
/// further events.
@inline(__always)
public func serve<S: Service>(_ service: inout S) {
    if S.takesCapabilities { ReceivedSlots.prepare() }
    var answer = replyWait(ReplyForm.wait)
    while true {
        // Most messages have six words and nothing else, so the code for other messages lies outside of this path.
        if answer.has(.ok) {
            let reply = service.reply(to: Answer(rawStatus: 0, tag: answer.tag, words: answer.words))
            answer = send(reply)
        } else if answer.status == .ok {
            answer = replyToLong(answer, by: &service)
        } else if answer.has(.notified) {
            service.hear(Events(bits: answer.tag))
            answer = replyWait(ReplyForm.wait)
        } else {
            return
        }
    }
}

@inline(never)
private func replyToLong(_ call: Answer, by service: inout some Service) -> Answer { send(service.reply(to: call)) }

@inline(__always)
private func send(_ reply: OutgoingMessage) -> Answer {
    invoke(.replyWait, Selector(slot: reply.shape.bits, form: ReplyForm.reply | ReplyForm.wait), reply.words)
}

extension Service {
    /// Answers one call that came, and returns the reply. `serve` repeats it.
    @inline(__always)
    public mutating func reply(to call: Answer) -> OutgoingMessage {
        var message = IncomingMessage(call, caller: call.tag)
        willAnswer(message.caller)
        let reply = answer(&message)
        // Capabilities that a caller sent and no method took must not fill this component's slots.
        if message.hasCapabilities { message.releaseCapabilities(all: reply.words.w0 == Outcome.malformed) }
        if Self.takesCapabilities { ReceivedSlots.prepare() }
        return reply
    }

    /// Handles events that were raised. `serve` repeats it.
    @inline(__always)
    public mutating func hear(_ events: Events) {
        heard(events)
        // The handler may have called servers, and received capabilities from them.
        if Self.takesCapabilities { ReceivedSlots.prepare() }
    }
}

// MARK: Functions that generated code calls

extension OutgoingMessage {
    /// Makes a reply with a method's result.
    @inline(__always) public static func done(_ result: some Parameter) -> OutgoingMessage {
        var reply = OutgoingMessage(Outcome.done)
        result.append(to: &reply)
        return reply
    }

    /// Makes a reply with a method's error.
    @inline(__always) public static func failed(_ error: some Parameter) -> OutgoingMessage {
        var reply = OutgoingMessage(Outcome.failed)
        error.append(to: &reply)
        return reply
    }

    public static var unknownMethod: OutgoingMessage { OutgoingMessage(Outcome.unknownMethod) }
    public static var malformed: OutgoingMessage { OutgoingMessage(Outcome.malformed) }
}
