import ABI
import Foundation
import Testing

@testable import SystemImage
@testable import Workshop

@Suite struct FaultTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private let hang = FaultWindow(part: "server", kind: .hung, range: 1_000_000..<2_000_000)

    /// The words are those of LLVM's assembler.
    @Test func instructionsAreEncoded() {
        #expect(Opcode.adr(17, by: 8) == 0x1000_0051)
        #expect(Opcode.counter(16) == 0xD53B_E050)
        #expect(Opcode.load(15, from: 24, at: 0) == 0x58FF_FF4F)
        #expect(Opcode.subtract(15, 16, 14) == 0xCB0E_020F)
        #expect(Opcode.add(14, 16, 14) == 0x8B0E_020E)
        #expect(Opcode.branchIfNegative(15, by: -8) == 0xB7FF_FFCF)
        #expect(Opcode.branchIfPositive(15, by: 16) == 0xB6F8_008F)
        #expect(Opcode.branchToRegister(17) == 0xD61F_0220)
        #expect(Opcode.branch(from: 0, to: 32) == 0x1400_0008)
        #expect(Opcode.branch(from: 4, to: 0) == 0x17FF_FFFF)
    }

    /// Each system call moves to the new segment, and comes back behind its old place.
    @Test func systemCallsGoThroughTheFault() throws {
        let text = words([0xD503_201F, 0xD400_0001, 0xD65F_03C0, 0xD400_0001])
        let program = Program(
            segments: [.init(address: 0x20_0000, data: text, memorySize: 4096, rights: 5)], entry: 0x20_0000)
        let changed = try FaultyProgram(windows: [hang]).program(from: program)
        #expect(changed.segments.count == 2 && changed.segments[1].address == 0x20_1000)
        let (code, added) = (list(changed.segments[0].data), list(changed.segments[1].data))
        #expect(code[0] == 0xD503_201F && code[2] == 0xD65F_03C0)
        let calls = added.indices.filter { added[$0] == 0xD400_0001 }
        #expect(calls.count == 2)
        for (call, site) in zip(calls, [1, 3]) {
            let place = 0x20_1000 + UInt64(call) * 4
            let origin = 0x20_0000 + UInt64(site) * 4
            #expect(code[site] == Opcode.branch(from: origin, to: place - 8))
            #expect(added[call + 1] == Opcode.branch(from: place + 4, to: origin + 4))
            #expect(added[call - 1] == Opcode.branch(from: place - 4, to: 0x20_1000))
        }
        // The constants are ticks of 16 ns.
        #expect(added[2] == 62_500_000 && added[4] == 125_000_000)
        #expect(try FaultyProgram(windows: []).program(from: program).segments.count == 1)
    }

    @Test func slotsHaveOneFaultEach() {
        var schedule = FaultSchedule()
        schedule.add(.hung, of: "server")
        schedule.add(.killed, of: "machine", rest: 2)
        schedule.add(.slowed, of: "server")
        #expect(schedule.slots == 6 && schedule.windows.map(\.slot) == [1, 2, 5])
        for (slot, window) in schedule.windows {
            #expect(schedule.span(of: slot).contains(window.range.lowerBound))
            #expect(schedule.span(of: slot).contains(window.range.upperBound))
        }
        #expect(schedule.span(of: 2).upperBound == schedule.span(of: 5).lowerBound)
        #expect(schedule.windows(of: "server").map(\.kind) == [.hung, .slowed])
    }

    /// A program that died has lost its record, so its time counts from the fault to its next life.
    @Test func standstillSpansADeath() {
        var records = TurnRecords()
        records.hear("[ 1.0] turns: self born 100", on: "reader")
        records.hear("turns: self slot 1 gap 5100 turns 90 lost 2", on: "reader")
        records.hear("turns: self born 720000", on: "reader")
        records.hear("turns: self slot 2 gap 6000 turns 80 lost 0", on: "reader")
        records.hear("turns: self end", on: "reader")
        records.hear("beat 7", on: "beat")
        records.hear("back: block-driver, life 2, built in 99 us", on: "root")
        let voice = TurnRecords.Voice(console: "reader", process: "self")
        #expect(records.slots[voice]?[1] == TurnRecords.Slot(gap: 5100, turns: 90, lost: 2))
        #expect(records.standstill(of: voice, in: 1, from: 0, slots: 50..<90) == 5100)
        #expect(records.standstill(of: voice, in: 2, from: 700_000, slots: 600_000..<1_200_000) == 20_000)
        #expect(records.standstill(of: voice, in: 3, from: 800_000, slots: 800_000..<900_000) == nil)
        #expect(records.ended == [voice] && records.beats == ["beat": [7]] && records.returns == ["block-driver"])
    }

    /// The plan of the system predicts that the reader stands still with its pager, and that the control loop does not.
    @Test func standstillIsComparedWithThePlan() throws {
        let file = Self.root.appendingPathComponent(FaultTrial.system)
        let analysis = HarmAnalysis(try Manifest.load(path: file.path).planWithPlaceholders())
        var schedule = FaultSchedule()
        schedule.add(.hung, of: "pager")
        var records = TurnRecords()
        let voices = ["reader", "control", "other"].map { TurnRecords.Voice(console: $0, process: "self") }
        for voice in voices.prefix(2) {
            records.hear("turns: self slot 0 gap 5000 turns 9 lost 0", on: voice.console)
            records.hear("turns: self slot 1 gap 205000 turns 9 lost 0", on: voice.console)
        }
        let judge = FaultJudge(
            outcome: .init(records: records, schedule: schedule, voices: voices, analysis: analysis))
        #expect(judge.cells.map(\.excess) == [200_000, 200_000])
        #expect(judge.cells.map(\.isPredicted) == [true, false])
        #expect(judge.cells.map(\.isWrong) == [false, true])
        #expect(judge.gaps == ["pager hung: other (self)"])
    }

    @Test func linesOfAComponentAreMissed() throws {
        let file = Self.root.appendingPathComponent(FaultTrial.system)
        let analysis = HarmAnalysis(try Manifest.load(path: file.path).planWithPlaceholders())
        var schedule = FaultSchedule()
        schedule.add(.killed, of: "serial")
        var records = TurnRecords()
        records.hear("turns: self born \(FaultSchedule.start + FaultSchedule.slot)", on: "beat")
        for number in [1, 2, 3, 7, 8, 9] { records.hear("beat \(number)", on: "beat") }
        let judge = FaultJudge(
            outcome: .init(records: records, schedule: schedule, voices: [], analysis: analysis))
        #expect(judge.lostLines(of: "beat", slot: 1, period: 5000) == 3)
        #expect(judge.lostLines(of: "beat", slot: 0, period: 5000) == 0)
        #expect(throws: (any Error).self) { try judge.outcome.requireDeaths() }
    }

    private func words(_ words: [UInt32]) -> Data {
        words.reduce(into: Data()) { data, word in withUnsafeBytes(of: word) { data.append(contentsOf: $0) } }
    }

    private func list(_ data: Data) -> [UInt32] {
        stride(from: 0, to: data.count, by: 4).map { offset in
            (0..<4).reduce(0) { $0 | UInt32(data[offset + $1]) << UInt32(8 * $1) }
        }
    }
}
