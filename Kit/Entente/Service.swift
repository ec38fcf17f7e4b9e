import ABI

/// What answers calls. An interface is a protocol that refines this one; `./entente generate` writes its `answer`.
public protocol Service {
    /// Answers one call. Generated for each interface; nobody calls it but `serve` and the fakes.
    mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage

    /// Whether methods take capabilities; then `serve` keeps slots ready for them. Generated.
    static var takesCapabilities: Bool { get }

    /// A call is about to be answered; `caller` is a number that root gave to whoever calls, and nobody can forge.
    mutating func willAnswer(_ caller: UInt64)

    /// Events were raised in this component's notification: an alarm, a ring, input of the console.
    mutating func heard(_ events: Events)
}

extension Service {
    @inline(__always) public static var takesCapabilities: Bool { false }
    @inline(__always) public mutating func willAnswer(_ caller: UInt64) {}
    @inline(__always) public mutating func heard(_ events: Events) {}
}

/// Serves calls and events, for good: on the board it does not return. On the host it returns when the fake kernel has
/// no more events in store.
@inline(__always)
public func serve<S: Service>(_ service: inout S) {
    if S.takesCapabilities { ReceivedSlots.prepare() }
    var answer = replyWait(ReplyForm.wait)
    while true {
        // A message of six words and nothing else is the common case: what belongs to the others is kept out of its
        // way.
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
    /// One turn of `serve`: a call that came, and the reply to it.
    @inline(__always)
    public mutating func reply(to call: Answer) -> OutgoingMessage {
        var message = IncomingMessage(call, caller: call.tag)
        willAnswer(message.caller)
        let reply = answer(&message)
        // What a caller sent and no method got must not fill this component's slots.
        if message.hasCapabilities { message.releaseCapabilities(all: reply.words.w0 == Outcome.malformed) }
        if Self.takesCapabilities { ReceivedSlots.prepare() }
        return reply
    }

    /// One turn of `serve`: events that were raised.
    @inline(__always)
    public mutating func hear(_ events: Events) {
        heard(events)
        // It may have called others, and received capabilities from them.
        if Self.takesCapabilities { ReceivedSlots.prepare() }
    }
}

// MARK: What generated code says

extension OutgoingMessage {
    /// A reply with a result.
    @inline(__always) public static func done(_ result: some Parameter) -> OutgoingMessage {
        var reply = OutgoingMessage(Outcome.done)
        result.append(to: &reply)
        return reply
    }

    /// A reply with a method's error.
    @inline(__always) public static func failed(_ error: some Parameter) -> OutgoingMessage {
        var reply = OutgoingMessage(Outcome.failed)
        error.append(to: &reply)
        return reply
    }

    public static var unknownMethod: OutgoingMessage { OutgoingMessage(Outcome.unknownMethod) }
    public static var malformed: OutgoingMessage { OutgoingMessage(Outcome.malformed) }
}
