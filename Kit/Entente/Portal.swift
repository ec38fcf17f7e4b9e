import ABI

/// The word with which every reply begins.
enum Outcome {
    static let done: UInt64 = 0
    /// The server knows no method of this number.
    static let unknownMethod: UInt64 = 1
    /// The request does not hold what the method takes.
    static let malformed: UInt64 = 2
    /// The method threw; its error follows.
    static let failed: UInt64 = 3
}

/// The reasons for which a call brings no result.
public enum CallError<Failure: Error & Parameter>: Error {
    /// The server's own answer.
    case failed(Failure)
    /// The server is gone, or nobody serves the portal. A call may succeed again once it has been restarted.
    case dead(generation: UInt64)
    /// One of the events that this component may not miss came first (see `Events`).
    case aborted
    /// The server refused to take the call.
    case refused
    /// The peer does not speak this interface, or another version of it.
    case malformed
    /// The kernel did not take the call: the slot is empty, the peer is on another core, calls nest too deep.
    case kernel(Status)
}

extension CallError: Equatable where Failure: Equatable {}

/// A way to a server. The value is only a name, so that copying it makes nothing.
public struct Portal: Equatable, Sendable {
    public let slot: UInt32

    @inline(__always) public init(slot: UInt32) { self.slot = slot }

    /// Calls, and reads the reply's result. The generated clients do nothing else.
    ///
    /// Inlined together with `OutgoingMessage.append` it comes down to loading the registers, SVC, and a test of `x0`
    /// and `x2`.
    @inline(__always)
    public func call<Result: Parameter, Failure: Parameter & Error>(
        _ message: OutgoingMessage, result: Result.Type, failure: Failure.Type
    ) throws(CallError<Failure>) -> Result {
        let answer = invoke(.call, Selector(slot: slot, form: message.shape.bits), message.words)
        if answer.has(.ok), answer.words.w0 == Outcome.done {
            var reply = IncomingMessage(Answer(rawStatus: 0, words: answer.words), caller: 0)
            _ = reply.takeWord()
            if let result = Result.take(from: &reply) { return result }
        }
        let words = answer.words
        return try otherResult(
            answer.rawStatus, answer.tag, words.w0, words.w1, words.w2, words.w3, words.w4, words.w5, result, failure)
    }

    /// The same for a method whose result holds capabilities: slots are ready for them during this call only.
    public func callForCapabilities<Result: Parameter, Failure: Parameter & Error>(
        _ message: OutgoingMessage, result: Result.Type, failure: Failure.Type
    ) throws(CallError<Failure>) -> Result {
        ReceivedSlots.prepare()
        let answer = invoke(.call, Selector(slot: slot, form: message.shape.bits), message.words)
        var reply = IncomingMessage(answer, caller: 0)
        let taken = answer.status == .ok && reply.takeWord() == Outcome.done ? Result.take(from: &reply) : nil
        reply.releaseCapabilities(all: taken == nil)
        MessageMemory.current.receiveSlots = 0
        if let taken { return taken }
        throw callError(answer, failure)
    }
}

/// The result of a reply that does not lie in six registers, or what a call that brought none says. It is no part of
/// the way that a good short call takes: not inlined, and handed the registers as they are, so that its caller need not
/// put them into memory for it.
@inline(never)
private func otherResult<Result: Parameter, Failure: Parameter & Error>(
    _ status: UInt64, _ tag: UInt64, _ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64, _ w4: UInt64, _ w5: UInt64,
    _ result: Result.Type, _ failure: Failure.Type
) throws(CallError<Failure>) -> Result {
    let answer = Answer(rawStatus: status, tag: tag, words: Words(w0, w1, w2, w3, w4, w5))
    var reply = IncomingMessage(answer, caller: 0)
    let taken = answer.status == .ok && reply.takeWord() == Outcome.done ? Result.take(from: &reply) : nil
    // Slots are ready if the caller is a server itself: what a peer puts there unasked must not stay.
    reply.releaseCapabilities(all: taken == nil)
    if let taken { return taken }
    throw callError(answer, failure)
}

private func callError<Failure: Parameter & Error>(_ answer: Answer, _ failure: Failure.Type) -> CallError<Failure> {
    switch answer.status {
    case .ok:
        // Without its capabilities, which are dealt with.
        var reply = IncomingMessage(
            Answer(rawStatus: answer.rawStatus & ~ArrivalBits.capabilities, words: answer.words), caller: 0)
        guard reply.takeWord() == Outcome.failed, let error = Failure.take(from: &reply) else { return .malformed }
        return .failed(error)
    case .dead: return .dead(generation: answer.tag)
    case .aborted: return .aborted
    case .refused: return .refused
    default: return .kernel(answer.status)
    }
}

extension Portal {
    /// The portal that this component's manifest calls `name`, under `uses`. Without one the component stops, with a
    /// line that says so: a system without it is not the one that the component was written for.
    public init(named name: StaticString) {
        guard let portal = Portal(ifNamed: name) else {
            log("this component uses '\(name)', and its manifest connects nothing of that name (key 'uses')")
            fatalError()
        }
        self = portal
    }

    /// The portal that this component's manifest calls `name`, if there is one.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.portal, named: name) else { return nil }
        self.init(slot: UInt32(truncatingIfNeeded: resource.slot))
    }
}
