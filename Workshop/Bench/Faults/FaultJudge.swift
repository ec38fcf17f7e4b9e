import SystemImage

/// Compares the standstill of each part with the prediction from the plan.
struct FaultJudge {
    let outcome: FaultTrial.Outcome

    /// A part stands still if it has no turn for so much longer than usual, in microseconds. Parts that share a core
    /// delay each other for some milliseconds, because budgets bound the time of each server, and not its moment.
    static let threshold: UInt64 = 10_000

    /// One fault, and one victim.
    struct Cell: Equatable {
        var offender: String
        var kind: FaultWindow.Kind
        var victim: TurnRecords.Voice
        /// The longest time without a turn, beyond the usual one, in microseconds.
        var excess: UInt64
        var isPredicted: Bool

        var standsStill: Bool { excess > FaultJudge.threshold }
        var isWrong: Bool { standsStill && !isPredicted }
        /// True for the machine of a monitor that fails, which proves nothing about others.
        var isOwn: Bool { victim.console == offender }
    }

    /// Returns a cell for each fault and each victim that reported in the fault's slot.
    var cells: [Cell] {
        outcome.schedule.windows.flatMap { slot, window in
            outcome.voices.compactMap { cell(slot, window, $0) }
        }
    }

    private func cell(_ slot: Int, _ window: FaultWindow, _ voice: TurnRecords.Voice) -> Cell? {
        guard let usual = outcome.records.slots[voice]?[0]?.gap,
            let longest = outcome.records.standstill(
                of: voice, in: slot, from: window.range.lowerBound, slots: outcome.schedule.span(of: slot))
        else { return nil }
        return Cell(
            offender: window.part, kind: window.kind, victim: voice, excess: longest > usual ? longest - usual : 0,
            isPredicted: isPredicted(victim: voice.console, offender: window.part))
    }

    /// Returns true if the plan says that the offender can stall or end the victim. A machine and its monitor are one.
    private func isPredicted(victim: String, offender: String) -> Bool {
        let analysis = outcome.analysis
        func index(_ name: String) -> Int? { analysis.plan.tenants.firstIndex { $0.name == name } }
        guard victim != offender, let sufferer = index(victim), let culprit = index(offender) else { return true }
        return [HarmEffect.stall, .end].contains {
            analysis.finding(victim: sufferer, offender: culprit, $0) != nil
        }
    }

    /// Returns the faults for which a victim has no record, as `OFFENDER KIND: VICTIM`.
    var gaps: [String] {
        outcome.schedule.windows.flatMap { slot, window in
            outcome.voices.filter { cell(slot, window, $0) == nil }.map {
                "\(window.part) \(window.kind): \($0.console) (\($0.process))"
            }
        }
    }

    /// Returns the number of lines that a console's component has printed in vain in a slot.
    ///
    /// - Parameter period: the time between two lines, in microseconds.
    func lostLines(of console: String, slot: Int, period: UInt64) -> Int {
        let voice = TurnRecords.Voice(console: console, process: "self")
        let printed = outcome.records.beats[console, default: []].sorted()
        guard let birth = outcome.records.births[voice]?.first else { return 0 }
        let span = outcome.schedule.span(of: slot)
        return zip(printed, printed.dropFirst()).reduce(0) { sum, pair in
            let time = birth + pair.0 * period
            return span.contains(time) && pair.1 > pair.0 ? sum + Int(pair.1 - pair.0 - 1) : sum
        }
    }
}
