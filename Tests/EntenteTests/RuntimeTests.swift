import ABI
import EntenteTesting
import Testing

@_spi(Kernel) @testable import Entente

/// Logging, alarms, configuration and the fake kernel itself.
@Suite struct RuntimeTests {
    private let kernel = FakeKernel()

    @Test func textIsFormattedWithoutAllocation() {
        let component = kernel.component("writer")
        component.run {
            log(
                "\(UInt64.max) \(Int64.min) \(0) \(7, width: 3) \(hex: UInt8(0xA)) \(hex: -1) \(true) \("name" as StaticString)"
            )
        }
        #expect(component.lines == ["18446744073709551615 -9223372036854775808 0 007 0xa 0xffffffffffffffff true name"])
    }

    @Test func namesArePaddedWithZerosInAnySize() {
        let component = kernel.component("writer")
        let full: InlineArray<8, UInt8> = [0x74, 0x68, 0x72, 0x65, 0x61, 0x64, 0x31, 0x30]
        var longer = InlineArray<48, UInt8>(repeating: 0)
        for index in 0..<4 { longer[index] = 0x61 }
        component.run { log("<\(name: full)> <\(name: longer)> <\(name: InlineArray<32, UInt8>(repeating: 0))>") }
        #expect(component.lines == ["<thread10> <aaaa> <>"])
    }

    @Test func textThatIsTooLongIsCutOff() {
        var text: LogText = ""
        for _ in 0..<100 { text = "\(text)0123456789" }
        #expect(text.count == LogText.capacity)
    }

    @Test func outputLongerThanTheRingArrives() {
        let component = kernel.component("writer")
        component.run { for index in 0..<500 { log("line \(index)") } }
        #expect(component.lines.count == 500)
        #expect(component.lines.last == "line 499")
    }

    /// If the console driver hangs, a component that logs is delayed once, and not at each byte.
    @Test func outputThatNobodyTakesIsDropped() {
        let component = kernel.component("writer")
        component.isOutputTaken = false
        component.run { for index in 0..<240 { log("line \(index)") } }
        #expect(component.yields > 0 && component.yields < 150_000)
        #expect(component.lines.first == "line 0")
        component.run { log("there is room again") }
        #expect(component.lines.last == "there is room again")
    }

    /// If the console driver is dead, no component waits for it.
    @Test func nobodyWaitsForADeadDriver() {
        let component = kernel.component("writer")
        component.run {
            _ = revoke(InitialSlot.consoleOutput, .delete)
            for index in 0..<240 { log("line \(index)") }
        }
        #expect(component.yields == 0)
        #expect(component.lines.first == "line 0")
        component.run { log("there is room again") }
        #expect(component.lines.last == "there is room again")
    }

    @Test func inputArrives() {
        let component = kernel.component("reader")
        component.type("hi")
        component.run {
            #expect(Events.wait().contains(.console))
            let console = Console()
            #expect(console.take() == 0x68)
            #expect(console.take() == 0x69)
            #expect(console.take() == nil)
        }
    }

    @Test func alarmsRingInTime() {
        let component = kernel.component("clock")
        component.run {
            let alarm = Alarm(raising: .number(4))
            alarm.set(after: .milliseconds(1500))
            #expect(Events.wait() == .number(4))
            #expect(Clock.now == Clock.frequency * 3 / 2)
            alarm.set(after: .seconds(1))
            alarm.cancel()
            #expect(Events.wait() == Events(bits: 0))
        }
    }

    /// A number that a peer chose must not stop a component that makes an alarm of it.
    @Test func spansOfAnyLengthAreSpans() {
        kernel.component("clock").run {
            #expect(Interval.seconds(.max).nanoseconds == .max)
            #expect(Interval.milliseconds(3).nanoseconds == 3_000_000)
            #expect(Instant(ticks: .max - 1) + .seconds(.max) == Instant(ticks: .max))
            Alarm(raising: .number(1)).set(after: .milliseconds(.max))
        }
    }

    @Test func codeThatNeverEndsRunsForATime() {
        let component = kernel.component("ticker", arguments: [250])
        kernel.after(.milliseconds(600)) { component.type("x") }
        component.run(for: .seconds(1)) {
            let alarm = Alarm(raising: .number(1))
            let period = Interval.milliseconds(Configuration.current.arguments[0])
            alarm.set(after: period)
            while true {
                let events = Events.wait()
                if events.contains(.console) { log("input") }
                guard events.contains(alarm.events) else { continue }
                log("tick")
                alarm.set(after: period)
            }
        }
        #expect(component.lines == ["tick", "tick", "input", "tick", "tick"])
    }

    @Test func connectionsAreFoundByName() {
        let server = kernel.component("server", serving: ExampleServer())
        let client = kernel.component("client", uses: ["b": server, "a": server])
        client.run {
            #expect(Portal(ifNamed: "a")?.slot == InitialSlot.firstAssigned)
            #expect(Portal(ifNamed: "b")?.slot == InitialSlot.firstAssigned + 1)
            #expect(Portal(ifNamed: "") == nil)
            #expect(Portal(ifNamed: "ab") == nil)
        }
    }

    @Test func theHeapsSizeIsTheManifests() {
        kernel.component("small", memory: 4096).run {
            #expect(Heap.size == 4096)
            #expect(throws: OutOfMemory()) { try Heap.require(1 << 20) }
        }
    }

    /// The kernel's part of a message page ends before the component's own.
    @Test func theMessagePagesPartsAreApart() {
        #expect(MessagePage.lease + 24 <= MessagePage.own)
        #expect(MessageMemory.accounts == 255)
        #expect(InitialSlot.firstReceived + InitialSlot.receivedCount <= InitialSlot.firstAssigned)
    }
}
