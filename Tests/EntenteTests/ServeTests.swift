import ABI
import Testing

@testable import Entente

/// Records the events that it receives, and keeps the first capability of each call whose first word is even.
///
/// It does not refine `Service`, because `./entente generate` takes a protocol that does for an interface.
private protocol Recorder {
    var heardOf: [String] { get set }
}

extension Recorder where Self: Service {
    mutating func willAnswer(_ caller: UInt64) { heardOf.append("will \(caller)") }

    mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage {
        let word = message.takeWord() ?? 99
        heardOf.append("\(word) of \(message.caller)")
        if word % 2 == 0 { _ = message.takeCapability() }
        return word < 10 ? .done(word + 1) : .malformed
    }

    mutating func heard(_ events: Events) {
        heardOf.append("heard \(events.bits)")
        // A call that brought a capability would set this bit.
        MessageMemory.current.usedSlots |= 1 << 9
    }
}

private struct Keeper: Recorder, Service {
    var heardOf: [String] = []
    static var takesCapabilities: Bool { true }
}

private struct Plain: Recorder, Service {
    var heardOf: [String] = []
}

/// Takes two capabilities of each call, and answers with an outcome.
private struct Taker: Service {
    var outcome: UInt64
    var taken: [UInt32?] = []
    init(outcome: UInt64) { self.outcome = outcome }
    mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage {
        taken = [message.takeCapability(), message.takeCapability()]
        return OutgoingMessage(outcome)
    }
}

private struct Silent: Service {
    mutating func answer(_ message: inout IncomingMessage) -> OutgoingMessage { .unknownMethod }
}

/// The loop of a server makes these requests to the kernel, and prepares its slots at these times.
@Suite struct ServeTests {
    private typealias Request = ScriptedKernel.Request
    private let kernel = ScriptedKernel()
    private let first = UInt64(InitialSlot.firstReceived)

    private func slots(_ low: UInt64, _ high: UInt64) -> UInt64 { first + low | (first + high) << 32 }

    private let wait = Request(.replyWait, 0, ReplyForm.wait)
    private func reply(_ words: UInt64...) -> Request {
        Request(.replyWait, 0, ReplyForm.reply | ReplyForm.wait, words)
    }

    @Test func eachMessageIsAnsweredAndEachEventHeard() {
        var service = Plain()
        kernel.run([
            answer(.ok, tag: 11, 4), answer(.ok, tag: 12, 7, count: 8), answer(.notified, tag: 6),
            answer(.ok, tag: 13, 10), answer(.notified, tag: 1), answer(.dead, tag: 5, 1),
        ]) { serve(&service) }
        #expect(
            service.heardOf == [
                "will 11", "4 of 11", "will 12", "7 of 12", "heard 6", "will 13", "10 of 13", "heard 1",
            ])
        #expect(kernel.asked == [wait, reply(0, 5), reply(0, 8), wait, reply(2), wait])
        #expect(kernel.prepared.allSatisfy { $0 == 0 }, "it takes no capabilities")
    }

    @Test func slotsAreReadyAgainAfterEachTurn() {
        var service = Keeper()
        kernel.run([
            answer(.ok, tag: 1, 2, capabilities: 1), answer(.ok, tag: 1, 3), answer(.notified, tag: 1),
            answer(.ok, tag: 1, 4, capabilities: 2), answer(.ok),
        ]) { serve(&service) }
        let delete = Request(.revoke, UInt32(first + 2), RevokeForm.delete.rawValue)
        #expect(kernel.asked == [wait, reply(0, 3), reply(0, 4), wait, delete, reply(0, 5)])
        #expect(
            kernel.prepared == [
                slots(0, 1), slots(1, 2), slots(1, 2), slots(1, 2), slots(1, 2), slots(2, 3),
            ])
        kernel.run([]) { #expect(MessageMemory.current.usedSlots == 1 << 9 | 0b11) }
    }

    @Test func anEventMayHaveTakenTheSlotsThatWereReady() {
        var service = Keeper()
        kernel.run([answer(.notified, tag: 1)]) {
            MessageMemory.current.usedSlots = ~(0b111 << 8) & (1 << 32 - 1)
            serve(&service)
        }
        #expect(kernel.prepared == [slots(8, 9), slots(8, 10)])
    }

    /// No capability of a malformed request stays, even if the method has taken it.
    @Test func aMalformedRequestLeavesNoCapability() {
        for (word, released) in [(12, [0, 1]), (11, [0, 1]), (3, [0, 1]), (2, [1])] as [(UInt64, [UInt64])] {
            for isLong in [false, true] {
                var service = Plain()
                kernel.run([answer(.ok), answer(.ok)]) {
                    MessageMemory.current.usedSlots = 0
                    MessageMemory.current.receiveSlots = slots(0, 1)
                    let call = answer(.ok, tag: 5, word, capabilities: 2, count: isLong ? 9 : 0)
                    let reply = service.reply(to: call)
                    #expect(reply.words.w0 == (word < 10 ? Outcome.done : Outcome.malformed))
                    #expect(MessageMemory.current.usedSlots == (word == 2 ? 1 : 0))
                }
                #expect(kernel.asked.map { UInt64($0.slot) - first } == released)
            }
        }
    }

    /// A method that has taken capabilities keeps them when it throws. No slot keeps a capability of a malformed
    /// request.
    @Test func takenCapabilitiesStayUnlessTheRequestIsMalformed() {
        for index in 0..<UInt64(InitialSlot.receivedCount) - 1 {
            for (outcome, kept) in [(Outcome.failed, 0b11), (Outcome.done, 0b11), (Outcome.malformed, 0)]
                as [(UInt64, UInt64)]
            {
                var service = Taker(outcome: outcome)
                kernel.run([answer(.ok), answer(.ok)]) {
                    MessageMemory.current.usedSlots = 0
                    MessageMemory.current.receiveSlots = slots(index, index + 1)
                    _ = service.reply(to: answer(.ok, tag: 5, 1, capabilities: 2))
                    #expect(service.taken == [UInt32(first + index), UInt32(first + index + 1)])
                    #expect(MessageMemory.current.usedSlots == kept << index)
                }
                #expect(kernel.asked.map { UInt64($0.slot) - first } == (kept == 0 ? [index, index + 1] : []))
            }
        }
    }

    @Test func aServiceNeedNotListen() {
        var service = Silent()
        kernel.run([answer(.notified, tag: 1), answer(.ok, tag: 2, 3)]) { serve(&service) }
        #expect(kernel.asked == [wait, wait, reply(1)] && kernel.prepared == [0, 0, 0])
    }

    @Test func aReplyBeginsWithItsOutcome() {
        func words(_ reply: OutgoingMessage) -> [UInt64] { [reply.words.w0, reply.words.w1, UInt64(reply.count)] }
        #expect(words(.done(5 as UInt64)) == [0, 5, 2] && words(.failed(ExampleError.badLease)) == [3, 2, 2])
        #expect(words(.unknownMethod) == [1, 0, 1] && words(.malformed) == [2, 0, 1])
    }
}
