import ABI

/// The first word of every reply.
enum Outcome {
    static let done: UInt64 = 0
    /// The server has no method of this number.
    static let unknownMethod: UInt64 = 1
    /// The request does not hold the parameters of the method.
    static let malformed: UInt64 = 2
    /// The method threw an error, which follows.
    static let failed: UInt64 = 3
}

/// The reasons for which a call returns no result.
public enum CallError<Failure: Error & Parameter>: Error {
    /// The method threw this error.
    case failed(Failure)
    /// The server has died, or the portal has no server. A call may succeed again after the server has been
    /// restarted.
    case dead(generation: UInt64)
    /// One of the events of `Events.abortCalls` came before the reply.
    case aborted
    /// The server refused to take the call.
    case refused
    /// The peer does not speak this interface, or speaks another version of it.
    case malformed
    /// The kernel did not accept the call: the slot is empty, the peer is on another core, or calls nest too deep.
    case kernel(Status)
}

extension CallError: Equatable where Failure: Equatable {}

/// A way to a server. The value is only a name, so that a copy makes no new object.
public struct Portal: Equatable, Sendable {
    public let slot: UInt32

    @_spi(Kernel) @inline(__always) public init(slot: UInt32) { self.slot = slot }

    /// Calls the server, and returns the reply's result. Generated clients do nothing else.
    ///
    /// The compiler inlines it together with `OutgoingMessage.append`. Only the loads of the registers, the system
    /// call, and a test of `x0` and `x2` remain.
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

    /// Calls a method whose result holds capabilities. Their slots are ready during this call only.
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

/// Returns the result of a reply that does not lie in six registers, or throws the error of a call without a result.
/// It is not inlined, and takes the registers as they are, so that a successful short call need not put them into
/// memory.
@inline(never)
private func otherResult<Result: Parameter, Failure: Parameter & Error>(
    _ status: UInt64, _ tag: UInt64, _ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64, _ w4: UInt64, _ w5: UInt64,
    _ result: Result.Type, _ failure: Failure.Type
) throws(CallError<Failure>) -> Result {
    let answer = Answer(rawStatus: status, tag: tag, words: Words(w0, w1, w2, w3, w4, w5))
    var reply = IncomingMessage(answer, caller: 0)
    let taken = answer.status == .ok && reply.takeWord() == Outcome.done ? Result.take(from: &reply) : nil
    // If this component is a server itself, slots are ready, and capabilities that a peer sent unasked must be
    // released.
    reply.releaseCapabilities(all: taken == nil)
    if let taken { return taken }
    throw callError(answer, failure)
}

private func callError<Failure: Parameter & Error>(_ answer: Answer, _ failure: Failure.Type) -> CallError<Failure> {
    switch answer.status {
    case .ok:
        // The reply's capabilities are already dealt with, so these bits leave them out.
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
    /// Finds the portal that this component's manifest calls `name`, under `uses`. Stops the component with a log
    /// line if there is none, because the component was not written for such a system.
    public init(named name: StaticString) {
        guard let portal = Portal(ifNamed: name) else {
            log("this component calls '\(name)', but its manifest has no such connection: add it under 'uses'")
            fatalError()
        }
        self = portal
    }

    /// Finds the portal that this component's manifest calls `name`. Returns nil if there is none.
    public init?(ifNamed name: StaticString) {
        guard let resource = Configuration.resource(.portal, named: name) else { return nil }
        self.init(slot: UInt32(truncatingIfNeeded: resource.slot))
    }
}
