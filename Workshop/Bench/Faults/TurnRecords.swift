/// The lines of the programs that count their turns (Benchmarks/Programs/Turns and Guests/Linux/turns.c).
struct TurnRecords {
    /// A console, and the process that speaks there: `self` for a component.
    struct Voice: Hashable {
        var console: String
        var process: String

        /// The name in figures: `reader`, `store` or `store.disk`.
        var name: String { ["self", "cpu"].contains(process) ? console : "\(console).\(process)" }
    }

    /// The outcome of one slot, in microseconds of the board's time.
    struct Slot: Equatable {
        /// The longest time between two turns.
        var gap: UInt64
        var turns: UInt64
        /// The requests that failed.
        var lost: UInt64
    }

    private(set) var slots: [Voice: [Int: Slot]] = [:]
    /// The times at which a program's lives began.
    private(set) var births: [Voice: [UInt64]] = [:]
    private(set) var ended: Set<Voice> = []
    /// The numbers of the lines `beat N`, by console.
    private(set) var beats: [String: [UInt64]] = [:]
    /// The parts that root has started again, in the order of its lines.
    private(set) var returns: [String] = []

    mutating func hear(_ line: String, on console: String) {
        if let match = line.firstMatch(of: /turns: (\w+) slot (\d+) gap (\d+) turns (\d+) lost (\d+)/),
            let number = Int(match.2), let gap = UInt64(match.3), let turns = UInt64(match.4),
            let lost = UInt64(match.5)
        {
            slots[Voice(console: console, process: String(match.1)), default: [:]][number] = Slot(
                gap: gap, turns: turns, lost: lost)
        } else if let match = line.firstMatch(of: /turns: (\w+) born (\d+)/), let time = UInt64(match.2) {
            births[Voice(console: console, process: String(match.1)), default: []].append(time)
        } else if let match = line.firstMatch(of: /turns: (\w+) end/) {
            ended.insert(Voice(console: console, process: String(match.1)))
        } else if let match = line.firstMatch(of: /beat (\d+)/), let number = UInt64(match.1) {
            beats[console, default: []].append(number)
        } else if let match = line.firstMatch(of: /back: ([\w.-]+), life/) {
            returns.append(String(match.1))
        }
    }

    /// Returns the longest time without a turn that began in a slot, or nil if the program did not report.
    ///
    /// A program that died has lost its record. Its time counts from the fault to its first turn.
    func standstill(of voice: Voice, in slot: Int, from fault: UInt64, slots range: Range<UInt64>) -> UInt64? {
        let known = slots[voice]?[slot]?.gap
        let rebirth = births[voice, default: []].first { $0 > fault && range.contains($0) }
        guard let rebirth else { return known }
        return max(known ?? 0, rebirth - fault)
    }
}
