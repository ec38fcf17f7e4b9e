import ABI
import Testing

@_spi(Kernel) @testable import Entente

/// Each way in which a call may end, with words that look like a result behind all of them.
@Suite struct PortalTests {
    private typealias Outcomes = Result<UInt64, CallError<ExampleError>>
    private typealias Request = ScriptedKernel.Request
    private let kernel = ScriptedKernel()
    private let portal = Portal(slot: 9)
    private let first = UInt64(InitialSlot.firstReceived)
    private var prepared: UInt64 { first | (first + 1) << 32 }

    private func outcome(_ answer: Answer, forCapabilities: Bool) -> Outcomes {
        kernel.run([answer]) {
            do throws(CallError<ExampleError>) {
                let message = OutgoingMessage(7)
                if forCapabilities {
                    return .success(
                        try portal.callForCapabilities(message, result: UInt64.self, failure: ExampleError.self))
                }
                return .success(try portal.call(message, result: UInt64.self, failure: ExampleError.self))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test(arguments: [false, true]) func eachEndOfACallHasItsError(forCapabilities: Bool) {
        let ends: [(Answer, Outcomes)] = [
            (answer(.ok, 0, 5), .success(5)), (answer(.ok, 0, 5, count: 7), .success(5)),
            (answer(.ok, 1, 1), .failure(.malformed)), (answer(.ok, 2, 1), .failure(.malformed)),
            (answer(.ok, 4, 1), .failure(.malformed)), (answer(.ok, 3, 1), .failure(.failed(.overflow))),
            (answer(.ok, 3, 3, count: 9), .failure(.failed(.badRing))), (answer(.ok, 3, 9), .failure(.malformed)),
            (answer(.dead, tag: 7, 0, 5), .failure(.dead(generation: 7))),
            (answer(.aborted, tag: 7, 0, 5), .failure(.aborted)), (answer(.aborted, 3, 1), .failure(.aborted)),
            (answer(.refused, 0, 5), .failure(.refused)), (answer(.refused, 3, 1), .failure(.refused)),
            (answer(.notified, 0, 5), .failure(.kernel(.notified))),
            (answer(.badCapability, 0, 5), .failure(.kernel(.badCapability))),
            (answer(.wrongCore, 3, 1), .failure(.kernel(.wrongCore))),
            (answer(.tooDeep, 0, 5), .failure(.kernel(.tooDeep))),
            (Answer(rawStatus: 200, words: Words(0, 5)), .failure(.kernel(.unsupported))),
        ]
        for (given, expected) in ends {
            #expect(outcome(given, forCapabilities: forCapabilities) == expected)
            #expect(kernel.asked == [Request(.call, 9, 0, [7])])
            #expect(kernel.prepared == [forCapabilities ? prepared : 0])
        }
        kernel.run([]) { #expect(MessageMemory.current.receiveSlots == 0 && MessageMemory.current.usedSlots == 0) }
    }

    /// A reply of a server must not be mistaken for a message of a caller.
    @Test func aReplyHasNoCaller() {
        for count in [0, 9] as [UInt64] {
            for forCapabilities in [false, true] {
                kernel.run([answer(.ok, tag: 7, 0, 5, count: count)]) {
                    var seen: Seen?
                    let message = OutgoingMessage(7)
                    if forCapabilities {
                        seen = try? portal.callForCapabilities(message, result: Seen.self, failure: ExampleError.self)
                    } else {
                        seen = try? portal.call(message, result: Seen.self, failure: ExampleError.self)
                    }
                    #expect(seen?.caller == 0)
                }
            }
        }
    }

    /// Records the caller.
    private struct Seen: Parameter {
        var caller: UInt64
        func append(to message: inout OutgoingMessage) {}
        static func take(from message: inout IncomingMessage) -> Seen? { Seen(caller: message.caller) }
    }

    @Test func theMessagesShapeIsTheCallsForm() {
        for forCapabilities in [false, true] {
            kernel.run([]) {
                var message = OutgoingMessage(1)
                for word in 2...7 as ClosedRange<UInt64> { message.append(word) }
                Capability<Notification>(slot: 4).append(to: &message)
                let form = MessageShape(length: 7, capabilities: 1).bits
                #expect(message.shape.bits == form)
                if forCapabilities {
                    _ = try? portal.callForCapabilities(message, result: UInt64.self, failure: ExampleError.self)
                } else {
                    _ = try? portal.call(message, result: UInt64.self, failure: ExampleError.self)
                }
                #expect(kernel.asked == [Request(.call, 9, form, [1, 2, 3, 4, 5, 6])])
            }
        }
    }

    /// The caller keeps only those capabilities of a reply that the result holds.
    @Test func capabilitiesOutsideOfTheResultAreReleased() {
        func delete(_ index: UInt64) -> Request {
            Request(.revoke, UInt32(first + index), RevokeForm.delete.rawValue)
        }
        let ends: [(Answer, kept: UInt64, released: [UInt64])] = [
            (answer(.ok, 0, capabilities: 1), 0b01, []), (answer(.ok, 0, capabilities: 2), 0b01, [1]),
            (answer(.ok, 2, capabilities: 2), 0, [0, 1]), (answer(.ok, 3, 1, capabilities: 1), 0, [0]),
            (answer(.ok, 0), 0, []),
        ]
        for (given, kept, released) in ends {
            kernel.run([given, answer(.ok), answer(.ok)]) {
                let page = MessageMemory.current
                page.usedSlots = 0
                let capability = try? portal.callForCapabilities(
                    OutgoingMessage(7), result: Capability<Notification>.self, failure: ExampleError.self)
                #expect(capability?.slot == (kept == 0 ? nil : UInt32(first)))
                #expect(page.usedSlots == kept && page.receiveSlots == 0)
                #expect(Array(kernel.asked.dropFirst()) == released.map(delete))
            }
        }
        // No parameter asked for it. The slots are ready because the caller is a server itself.
        kernel.run([answer(.ok, 0, 5, capabilities: 2), answer(.ok), answer(.ok)]) {
            MessageMemory.current.usedSlots = 0
            ReceivedSlots.prepare()
            let number = try? portal.call(OutgoingMessage(7), result: UInt64.self, failure: ExampleError.self)
            #expect(number == 5 && MessageMemory.current.usedSlots == 0)
            #expect(Array(kernel.asked.dropFirst()) == [delete(0), delete(1)])
        }
    }

    /// A capability that a result holds stays. One of a malformed result is released, for each way of asking for it.
    @Test(arguments: [false, true], [false, true])
    func aCapabilityStaysWithItsResult(forCapabilities: Bool, isWhole: Bool) {
        kernel.run([answer(.ok, 0, isWhole ? 1 : 0, capabilities: 1), answer(.ok)]) {
            let page = MessageMemory.current
            page.usedSlots = 0
            ReceivedSlots.prepare()
            let message = OutgoingMessage(7)
            let found =
                forCapabilities
                ? try? portal.callForCapabilities(message, result: Picky.self, failure: ExampleError.self)
                : try? portal.call(message, result: Picky.self, failure: ExampleError.self)
            #expect(found?.slot == (isWhole ? UInt32(first) : nil))
            #expect(page.usedSlots == (isWhole ? 1 : 0))
        }
        #expect(kernel.asked.count == (isWhole ? 1 : 2))
    }

    /// Takes a capability, and is malformed unless the word behind it is 1.
    private struct Picky: Parameter {
        var slot: UInt32
        func append(to message: inout OutgoingMessage) {}
        static func take(from message: inout IncomingMessage) -> Picky? {
            guard let slot = message.takeCapability(), message.takeWord() == 1 else { return nil }
            return Picky(slot: slot)
        }
    }

    @Test func aNameIsTheWholeName() {
        var named = Resource(name: InlineArray<32, UInt8>(repeating: 0), kind: .portal)
        for (index, byte) in "abc".utf8.enumerated() { named.name[index] = byte }
        #expect(named.isNamed("abc") && !named.isNamed("ab") && !named.isNamed("abcd") && !named.isNamed("abd"))
        #expect(!named.isNamed("") && !named.isNamed("bbc"))
        for index in 0..<32 { named.name[index] = 0x61 }
        #expect(!named.isNamed("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
        #expect(!named.isNamed("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
        named.name[31] = 0
        #expect(named.isNamed("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
    }
}
