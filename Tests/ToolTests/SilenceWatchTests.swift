import Testing

@testable import Tool
@testable import Workshop

/// The tool asks root about a silent machine, and tells the user the machine's state.
@Suite struct SilenceWatchTests {
    private let start = ContinuousClock.now
    private var watch: SilenceWatch

    init() { watch = SilenceWatch(machine: "d", log: "logs/d.log", started: start) }

    private func line(_ state: String, used: Int, memory: Int = 3, wait: Int = 0, machine: String = "d", cpu: Int = 0)
        -> String
    {
        "[    1.000000] root: state: \(machine) cpu\(cpu) \(state), used \(used) ms, exits: hypercall 1 "
            + "wait-for-interrupt \(wait) system-register 0 software-interrupt 0 interrupt 5 memory \(memory) "
            + "floating-point 0 monitor 4"
    }

    /// The user's lines after two answers.
    private mutating func told(_ first: [String], _ second: [String]) -> [String] {
        #expect(watch.due(now: start + .seconds(19)) == [])
        #expect(watch.untilNext(now: start + .seconds(19)) == .seconds(1))
        #expect(watch.due(now: start + .seconds(20)) == [.ask("state d")])
        first.forEach { watch.heardRoot($0) }
        #expect(watch.due(now: start + .seconds(23)) == [])
        #expect(watch.due(now: start + .seconds(24)) == [.ask("state d")])
        second.forEach { watch.heardRoot($0) }
        let said = watch.due(now: start + .seconds(27))
        #expect(watch.untilNext() == nil && watch.due(now: start + .seconds(99)) == [])
        return said.map { if case .say(let text) = $0 { text } else { "asked" } }
    }

    @Test mutating func oneThatComputesIsToldFromOneThatWaits() {
        let computes = told([line("runs", used: 100)], [line("runs", used: 1200)])
        #expect(
            computes.first?.hasPrefix(
                "'d' has said nothing for 20 s: CPU 0 computes, has used 1200 ms and left its machine 9 times: 3 accesses"
            ) == true)
        #expect(computes.last?.contains("console=ttyAMA0") == true)
        watch = SilenceWatch(machine: "d", log: "logs/d.log", started: start)
        #expect(
            told([line("runs", used: 100, wait: 7)], [line("runs", used: 101, wait: 8)]).first?.contains(
                "CPU 0 waits for an interrupt") == true)
    }

    @Test mutating func oneThatIsOffOrNeverRanIsNamed() {
        let off = told(
            [line("stopped", used: 100), line("stopped", used: 0, cpu: 1)],
            [line("stopped", used: 100), line("stopped", used: 0, cpu: 1)])
        #expect(off.first?.contains("CPU 0 is off") == true && off.first?.contains("CPU 1") == false)
        #expect(off.last?.contains("and at logs/d.log, because") == true)
        watch = SilenceWatch(machine: "d", log: "logs/d.log", started: start)
        let idle = "state: d cpu0 runs, used 0 ms, exits: hypercall 0 wait-for-interrupt 0 monitor 0"
        #expect(told([idle], [idle]).last?.contains("'priority'") == true)
    }

    @Test mutating func otherLinesAreNoAnswer() {
        _ = watch.due(now: start + .seconds(20))
        let thread = "state: d thread runs, used 12 ms"
        for text in [line("runs", used: 1, machine: "dd"), "kill: d", thread, "state: d cpu0 runs"] {
            watch.heardRoot(text)
        }
        let said = watch.due(now: start + .seconds(23))
        #expect(said.count == 2 && said.first == .say("'d' has said nothing for 20 s, and root does not answer either"))
    }

    @Test mutating func aByteEndsIt() {
        watch.heardMachine()
        #expect(watch.untilNext() == nil && watch.due(now: start + .seconds(99)) == [])
    }
}
