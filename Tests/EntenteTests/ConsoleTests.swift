import ABI
import Testing

@_spi(Kernel) @testable import Entente
import EntenteTesting

/// A component's console waits for room, and writes numbers and times.
@Suite struct ConsoleTests {
    private let kernel = FakeKernel()
    private let component: FakeComponent

    init() { component = kernel.component("writer") }

    /// Returns the console of a component whose driver hangs, with a full queue.
    private func fullConsole(of component: FakeComponent, patience: Int) -> Console {
        component.isOutputTaken = false
        var console = Console()
        while console.put(0x61) {}
        console.patience = patience
        return console
    }

    // MARK: Waiting

    @Test func aByteYieldsAsOftenAsPatienceAllowsAndIsDropped() {
        component.run {
            let console = fullConsole(of: component, patience: 5)
            console.write(0x62)
            #expect(component.yields == 5)
            // Later bytes try only once.
            console.write(0x62)
            #expect(component.yields == 6)
            var hasty = console
            hasty.patience = 0
            hasty.write(0x62)
            #expect(component.yields == 6)
        }
        #expect(component.output == String(repeating: "a", count: Int(ConsoleQueue.capacity)))
        component.run {
            var console = Console()
            console.patience = 5
            console.write(0x63)
            #expect(component.yields == 6, "it finds room")
            while console.put(0x61) {}
            console.write(0x62)
            #expect(component.yields == 11, "once a byte has found room, the next ones wait again")
        }
    }

    /// The driver's notification dies with the driver, so a component learns at once that the bytes have no reader.
    @Test func aDeadDriverIsNotWaitedFor() {
        component.run {
            let console = fullConsole(of: component, patience: 5)
            _ = revoke(InitialSlot.consoleOutput, .delete)
            #expect(console.flush() == .badCapability)
            console.write(0x62)
            #expect(component.yields == 0 && component.hasWaitedInVain)
            console.write(0x62)
            #expect(component.yields == 0)
        }
        #expect(component.output == String(repeating: "a", count: Int(ConsoleQueue.capacity)))
        component.run { Console().write(0x63) }
        #expect(component.output.last == "c" && !component.hasWaitedInVain, "there is room, whoever made it")
    }

    @Test func theDriverIsToldWhenTheRingIsFull() {
        component.run {
            var console = Console()
            console.patience = 3
            while console.put(0x61) {}
            console.write(0x62)
            #expect(component.yields == 1)
        }
        #expect(component.output.last == "b")
    }

    /// Each component has a console of its own, and each life of a component waits anew.
    @Test func oneComponentsPatienceIsNotAnothers() {
        component.run { fullConsole(of: component, patience: 5).write(0x62) }
        let other = kernel.component("other")
        other.run { fullConsole(of: other, patience: 7).write(0x62) }
        #expect(other.yields == 7, "another's console was given up, and not this one's")
        _ = other.output
        other.run { Console().write(0x62) }
        component.run {
            fullConsole(of: component, patience: 5).write(0x62)
            #expect(component.yields == 6, "another's console has room again, and this one has not")
        }
        component.restart()
        component.run {
            fullConsole(of: component, patience: 5).write(0x62)
            #expect(component.yields == 11)
        }
    }

    // MARK: Formats

    private func written(_ body: (Console) -> Void) -> String {
        let component = kernel.component("writer")
        component.run { body(Console()) }
        return component.output
    }

    @Test(
        arguments: [
            (0, 0, "0"), (9, 0, "9"), (10, 0, "10"), (.max, 0, "18446744073709551615"), (7, 3, "007"),
            (1234, 3, "1234"),
            (1, 25, "00000000000000000001"), (5, -1, "5"), (999, 4, "0999"),
        ] as [(UInt64, Int, String)])
    func decimalNumbersHaveTheirWidth(number: UInt64, width: Int, text: String) {
        #expect(written { $0.write(decimal: number, width: width) } == text)
        component.run { #expect(LogText("\(number, width: width)").text == text) }
    }

    @Test(
        arguments: [
            (0, "0x0"), (9, "0x9"), (10, "0xa"), (15, "0xf"), (16, "0x10"),
            (0xFEDC_BA98_7654_3210, "0xfedcba9876543210"),
            (1 << 60, "0x1000000000000000"), (0xFFF, "0xfff"), (1, "0x1"), (1 << 59, "0x800000000000000"),
            (255, "0xff"),
        ] as [(UInt64, String)])
    func hexadecimalNumbersHaveNoZerosInFront(number: UInt64, text: String) {
        #expect(written { $0.write(hex: number) } == text)
        #expect(LogText("\(hex: number)").text == text)
    }

    @Test func aLogsNumbersAreCutToTheirType() {
        let narrow = LogText("\(hex: Int8(-1)) \(hex: Int32(-2)) \(hex: Int64(-1))")
        #expect(narrow.text == "0xff 0xfffffffe 0xffffffffffffffff")
        #expect(LogText("\(hex: UInt8(5), width: 4) \(hex: UInt64.max, width: 2)").text == "0x0005 0xffffffffffffffff")
        #expect(LogText("\(-12, width: 4) \(Int8.min) \(false)").text == "-0012 -128 false")
    }

    @Test(
        arguments: [
            (0, "[    0.000000] "), (999_999, "[    0.999999] "), (1_000_000, "[    1.000000] "),
            (9_000_016, "[    9.000016] "),
            (10_000_000, "[   10.000000] "), (99_000_000, "[   99.000000] "), (100_000_000, "[  100.000000] "),
            (1_000_000_000, "[ 1000.000000] "), (10_000_000_000, "[10000.000000] "),
            (123_456_000_000, "[123456.000000] "),
        ] as [(UInt64, String)])
    func aLineBeginsWithTheTime(microseconds: UInt64, text: String) {
        kernel.advance(by: .microseconds(microseconds))
        #expect(written { $0.beginLine() } == text)
    }

    /// The console signals the driver at each line, so that no line stays in the queue until another one follows.
    @Test func theDriverIsToldOfEachLine() {
        let scripted = ScriptedKernel()
        scripted.run([]) {
            log("one")
            log("two")
        }
        #expect(scripted.asked == Array(repeating: .init(.signal, InitialSlot.consoleOutput, 0, [1]), count: 2))
    }

    @Test func aNameEndsAtItsFirstZero() {
        let text = written { console in
            var name = InlineArray<32, UInt8>(repeating: 0)
            for (index, byte) in "name-31".utf8.enumerated() { name[index] = byte }
            console.write(name)
            console.write(InlineArray<32, UInt8>(repeating: 0x78))
        }
        #expect(text == "name-31" + String(repeating: "x", count: 32))
    }

    @Test func aTextHolds240BytesAndNoMore() {
        var text: LogText = ""
        for number in 0..<239 { text = "\(text)\(number % 10)" }
        #expect(text.count == 239)
        text = "\(text)ab"
        #expect(text.count == 240 && text[239] == 0x61)
        #expect(LogText("\(ShortText("short")) \("static" as StaticString)").text == "short static")
    }
}

extension LogText {
    fileprivate var text: String { String(decoding: (0..<count).map { self[$0] }, as: UTF8.self) }
}
