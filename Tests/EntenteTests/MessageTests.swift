import ABI
@_spi(Kernel) @testable import Entente
import EntenteTesting
import Testing

/// Typed calls, from a generated client through a fake kernel to a generated server.
@Suite struct MessageTests {
    private let kernel = FakeKernel()
    private let server: FakeServer<ExampleServer>
    private let client: FakeComponent
    private let example: ExampleClient

    init() {
        server = kernel.component("server", serving: ExampleServer())
        client = kernel.component("client")
        example = ExampleClient(client.connect("example", to: server))
    }

    @Test func requestsAndRepliesAreSwiftTypes() throws {
        try client.run { () throws in
            try example.nothing()
            #expect(try example.add(2, to: 40) == 42)
            #expect(try example.narrow(byte: 255, small: -5, flag: true, mode: .on) == 1250)
            #expect(try example.narrow(byte: 1, small: 1, flag: false, mode: .off) == -2)
        }
        #expect(server.service.calls == 4)
        #expect(Set(server.service.callers).count == 1)
    }

    @Test func errorsAreSwiftTypes() throws {
        client.run {
            #expect(throws: CallError<ExampleError>.failed(.overflow)) { try example.add(.max, to: 1) }
        }
    }

    @Test func longMessagesTravelInTheMessagePage() throws {
        try client.run { () throws in
            #expect(try example.long(a: 1, b: 2, c: 3, d: 4, e: 5, f: 6) == 123_456)
            #expect(try example.greet(ShortText("world" as LogText)) == ShortText("hello, world" as LogText))
        }
    }

    @Test(arguments: [0, 1, 7, 8, 127, 128, 200])
    func textOfAnyLengthArrives(length: Int) throws {
        var text = ShortText()
        for index in 0..<length { text.append(UInt8(index & 0xFF)) }
        var message = OutgoingMessage(0)
        try client.run { () throws in
            text.append(to: &message)
            #expect(text.count == min(length, 128))
            _ = try example.greet(text)
        }
    }

    @Test func textIsWrittenAsItIs() {
        let number = 7
        #expect(ShortText("call 7") == ShortText("call \(number)"))
    }

    /// Bytes that a peer puts behind a text's end never become a part of the text.
    @Test func textEndsWhereItSays() throws {
        var message = OutgoingMessage(5)
        message.append(2)
        message.append(0x7A7A_7A7A_7A7A_6968)
        let answer = try client.run { () throws in
            try example.portal.call(message, result: ShortText.self, failure: Never.self)
        }
        #expect(answer == ShortText("hello, hi" as LogText))
        client.run {
            var text = IncomingMessage(Answer(rawStatus: 0, words: Words(2, .max)), caller: 0)
            var taken = ShortText.take(from: &text)
            taken?.append(0x21)
            #expect(taken?[2] == 0x21)
            // The same holds in a word that is not the first.
            for count in [9, 15, 17, 31] as [UInt64] {
                var text = IncomingMessage(Answer(rawStatus: 0, words: Words(count, .max, .max, .max, .max)), caller: 0)
                var taken = ShortText.take(from: &text)
                taken?.append(0x21)
                #expect(taken?[Int(count) - 1] == 0xFF && taken?[Int(count)] == 0x21)
            }
        }
    }

    @Test func leasesReachTheCallersMemoryOnly() throws {
        let numbers: [UInt64] = Array(0..<1000)
        var buffer = [UInt8](repeating: 0, count: 10_000)
        try client.run { () throws in
            let sum = try Lease<Reading>.lending(numbers.span) { lease throws(CallError<ExampleError>) in
                try example.sum(lease)
            }
            #expect(sum == 499_500)
            var span = buffer.mutableSpan
            try Lease<Writing>.lending(&span) { lease throws(CallError<ExampleError>) in
                try example.fill(lease, with: 7)
            }
        }
        #expect(buffer.allSatisfy { $0 == 7 })
        #expect(server.service.calls == 2)
    }

    @Test func capabilitiesArriveAndGoAgain() throws {
        try client.run { () throws in
            // The server would not have enough slots for these at once if it did not release them.
            for _ in 0..<40 {
                try example.watch(Notification.own.capability(raising: .number(5)))
                #expect(try example.tell() == 1)
            }
            #expect(Notification.own.poll() == .number(5))
            let capability = try example.own(8)
            Notification(capability).raise()
            #expect(Notification(capability).raise() == .ok)
            capability.release()
            #expect(Notification(capability).raise() == .badCapability)
        }
        #expect(server.service.events == Events(bits: 8))
    }

    /// The receiver gets the rights that the sender names, although the sender itself may have more.
    @Test func capabilitiesArriveWithTheirRights() throws {
        try client.run { () throws in
            try example.watch(Capability(slot: InitialSlot.notification, rights: .write))
            let watcher = Notification(try #require(server.service.watchers.last))
            Notification.own.raise(Events(bits: 6))
            server.run {
                #expect(watcher.raise(Events(bits: 8)) == .ok)
                #expect(watcher.poll() == Events(bits: 0))
            }
            #expect(Notification.own.poll() == Events(bits: 14))
        }
    }

    @Test func aDeadServerIsAnErrorWithItsGeneration() throws {
        try client.run { () throws in
            server.stop()
            #expect(throws: CallError<Never>.dead(generation: 1)) { try example.nothing() }
            server.restart()
            server.stop()
            #expect(throws: CallError<ExampleError>.dead(generation: 2)) { try example.add(1, to: 1) }
            server.restart()
            #expect(try example.add(1, to: 1) == 2)
        }
    }

    @Test func anAbortedCallSaysSo() throws {
        try client.run { () throws in
            Events.abortCalls(on: .number(3))
            client.raise(.number(3))
            #expect(throws: CallError<Never>.aborted) { try example.nothing() }
            #expect(Notification.own.poll() == .number(3))
            try example.nothing()
        }
    }

    @Test func aMalformedRequestGetsAnAnswer() {
        client.run {
            let portal = example.portal
            #expect(throws: CallError<Never>.malformed) {
                try portal.call(OutgoingMessage(99), result: Nothing.self, failure: Never.self)
            }
            // The first word of each message is out of its type's range: a byte, a flag, or a mode.
            for words in [[300, 0, 0, 0], [1, 0, 2, 0], [1, 0, 0, 9], [1, 1 << 20, 0, 0]] as [[UInt64]] {
                var message = OutgoingMessage(3)
                for word in words { message.append(word) }
                #expect(throws: CallError<Never>.malformed) {
                    try portal.call(message, result: Int64.self, failure: Never.self)
                }
            }
            // The message carries no lease.
            var message = OutgoingMessage(6)
            message.append(8)
            #expect(throws: CallError<ExampleError>.malformed) {
                try portal.call(message, result: UInt64.self, failure: ExampleError.self)
            }
            #expect(throws: CallError<Never>.kernel(.badCapability)) { try ExampleClient(Portal(slot: 99)).nothing() }
        }
    }

    /// Messages of random words get an answer of the interface, and never stop the server.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func anyWordsGetAnAnswer(seed: UInt64) {
        var random = Seeded(seed)
        client.run {
            for _ in 0..<500 {
                var message = OutgoingMessage(random.below(14))
                for _ in 0..<random.below(64) { message.append(random.chance(2) ? random.below(300) : random.next()) }
                if random.chance(3) {
                    message.append(capability: UInt32(random.below(40)), rights: .all, badge: random.next())
                }
                let answer = invoke(
                    .call, Selector(slot: example.portal.slot, form: message.shape.bits), message.words)
                #expect(answer.status == .ok && answer.words.w0 <= 3)
            }
        }
    }
}
