import EntenteTesting
import Testing

@testable import Entente

/// Texts of the kit, in logs and in messages.
@Suite struct TextTests {
    private let component = FakeKernel().component("texts")

    @Test func aShortTextIsALiteralAKeyAndAString() throws {
        let count = 7
        let text: ShortText = "turn 7"
        #expect(text == "turn \(count)" && text != "turn \(count + 1)")
        #expect("\(text)" == "turn 7" && String(text) == "turn 7" && text.description == "turn 7")
        #expect("\(text)" != "\("turn 8" as ShortText)")
        let string = "turn" + " 7"
        #expect(try #require(ShortText(string)) == text && ShortText(string[...]) == text)
        let values: [ShortText: Int] = ["a": 1, "b": 2, "turn 7": 3]
        #expect(values[text] == 3 && values["c"] == nil && values["b"] == 2)
    }

    /// Equal texts have equal hashes, even if other bytes were behind their end before. Other texts have other hashes.
    @Test func hashesFollowTheText() {
        var texts: Set<ShortText> = []
        for number in 0..<500 { texts.insert("key \(number)") }
        for number in 0..<500 { texts.insert("key \(number)") }
        #expect(texts.count == 500)
        #expect(Set(["", "\0", "\0\0", "a", "a\0"].compactMap { ShortText($0 as String) }).count == 5)
        #expect(Set((0..<200).map { ("key \($0)" as ShortText).hashValue }).count == 200)
    }

    @Test(arguments: [0, 1, 127, 128, 129, 500])
    func aStringThatDoesNotFitIsNoShortText(length: Int) {
        let string = String(repeating: "x", count: length)
        #expect(ShortText(string).map { String($0) } == (length <= 128 ? string : nil))
    }

    @Test func bytesThatAreNoTextAreReplaced() {
        var text: ShortText = "a"
        text.append(0xFF)
        #expect("\(text)" == "a\u{FFFD}")
    }

    @Test func aLogShowsStringsNumbersAndErrors() {
        let name = "a " + "string"
        component.run {
            log("\(name) \(name.prefix(1)) \(Character("c")) \(1.5) \(-0.1 as Float) \(Double.infinity)")
            log(name)
            log(String(repeating: "long ", count: 100))
            log("\(CallError<Never>.dead(generation: 3)) \(CallError<ExampleError>.failed(.badLease))")
            log("\(CallError<Never>.kernel(.wrongCore)) \(CallError<Never>.malformed) \(Status.noRights)")
        }
        #expect(
            component.lines == [
                "a string a c 1.5 -0.1 inf", "a string", String(repeating: "long ", count: 100),
                "dead(generation: 3) failed(2)", "kernel(wrongCore) malformed noRights",
            ])
    }

    /// A text is the same for each way to make it.
    @Test func errorsReadTheSameInStrings() {
        for error: CallError<ExampleError> in [
            .failed(.overflow), .dead(generation: 9), .aborted, .refused, .malformed, .kernel(.again),
        ] {
            #expect(String(error.logText) == "\(error)")
        }
        #expect("\(CallError<ExampleError>.failed(.overflow)) \(Status.ok)" == "failed(1) ok")
    }

    @Test func everyStatusHasAWordOfItsOwn() {
        let words = (0..<16 as Range<UInt64>).compactMap { Status(rawValue: $0).map { "\($0)" } }
        #expect(Set(words).count == 16)
    }
}

/// Floating-point numbers travel bit by bit.
@Suite struct FloatingPointTests {
    @Test(arguments: [0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -1e-300, .nan])
    func numbersArriveAsTheyAre(number: Double) {
        var message = OutgoingMessage(0)
        number.append(to: &message)
        Float(number).append(to: &message)
        Double(-1).append(to: &message)
        var incoming = IncomingMessage(Answer(rawStatus: 0, words: message.words), caller: 0)
        _ = incoming.takeWord()
        #expect(Double.take(from: &incoming)?.bitPattern == number.bitPattern)
        #expect(Float.take(from: &incoming)?.bitPattern == Float(number).bitPattern)
        #expect(Double.take(from: &incoming) == -1)
    }

    @Test func aWordThatIsTooWideIsNoFloat() {
        var incoming = IncomingMessage(Answer(rawStatus: 0, words: Words(1 << 32)), caller: 0)
        #expect(Float.take(from: &incoming) == nil)
    }
}
