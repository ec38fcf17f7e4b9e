import Foundation
import SystemImage

@testable import Tool

// Faults of the console driver, which is the harness's only way to observe. So the parts observe themselves: they
// measure the longest time between two of their turns, by the system counter, and say it when the driver works again.
extension HarmTrial {
    /// A byte that `HungSerial` obeys.
    private enum DriverFault: String {
        case spin = "\u{11}"
        case block = "\u{12}"
        case forge = "\u{13}"
        /// Gives root the rest of the line.
        case forgeCommand = "\u{16}"
        /// Makes the next hang about three times as long.
        case prolong = "\u{14}"
    }

    /// The times in milliseconds, by the system counter, for which the driver hangs. They leave a watchdog of two
    /// seconds the time to end a machine whose console is full.
    private static let (hang, longHang) = (3500, 10_000)

    mutating func tryConsoleDriver() throws {
        try tryHang(.spin, "spun, and took nothing")
        if system.name == "harm" { try tryHang(.block, "took nothing") }
        try tryForgery()
        try tryForgedCommand()
    }

    private mutating func tryHang(_ fault: DriverFault, _ name: String) throws {
        var harm = try hang(fault)
        // A delay with a bound stays the same if the driver hangs longer. A busy host can stop the whole emulator, but
        // hardly for so long.
        if isDoubtful(harm, by: ConsoleDriver.name) {
            harm = confirmed(harm, try hang(fault, prolonged: true), by: ConsoleDriver.name)
        }
        record(harm, by: ConsoleDriver.name, name, noticedBy: \.showsStall)
    }

    /// Lets the driver hang once, and returns the parts that died or stood still meanwhile.
    ///
    /// A part stood still if it had no turn for more than half of the driver's hang, and for more than three times as
    /// long as before. Their lines are long meanwhile, so that two of them fill a queue from which nobody takes.
    private mutating func hang(_ fault: DriverFault, prolonged: Bool = false) throws -> Harm {
        let witnesses = parts.filter(\.witnesses)
        let limit = (prolonged ? Self.longHang : Self.hang) / 2
        for part in parts { _ = try system.takeOutput(of: part.name) }
        for part in witnesses { try system.type("l", on: part.name) }
        var usual: [String: Int] = [:]
        for part in witnesses {
            for _ in 0..<2 { usual[part.name] = gap(in: try system.wait(for: "\n", on: part.name)) }
        }
        for part in parts where part.isAsked { try beginTurns(of: part) }
        let bytes = (prolonged ? DriverFault.prolong.rawValue : "") + fault.rawValue + "\n"
        try system.type(bytes, on: ConsoleDriver.name)
        try system.wait(for: "looks", on: ConsoleDriver.name)
        var stalled: Set<String> = []
        for part in witnesses { try system.type("q", on: part.name) }
        for part in witnesses {
            let text =
                try system.wait(for: "quiet", on: part.name) + system.wait(for: "\n", on: part.name)
            let longest = gap(in: text)
            if longest > max(limit, 3 * usual[part.name, default: 0]) { stalled.insert(part.name) }
        }
        for part in parts where part.isAsked {
            if try longestTurn(of: part) > limit { stalled.insert(part.name) }
        }
        try waitForAll(timeout: .seconds(60))
        return harm(silent: stalled, dead: try takeDeaths(), by: ConsoleDriver.name)
    }

    /// Returns the longest time in milliseconds that a part's lines name.
    private func gap(in text: String) -> Int { text.matches(of: /gap (\d+) ms/).compactMap { Int($0.1) }.max() ?? 0 }

    // MARK: Machines with a shell

    /// Starts a process that notes the machine's time every 200 ms, and prints nothing.
    private func beginTurns(of part: HarmTrialPart) throws {
        let loop = "while :; do read -r now rest </proc/uptime; echo $now; sleep 0.2; done"
        _ = try system.run("(\(loop)) >/tmp/turns 2>/dev/null & echo $! >/tmp/turns.process", on: part.name)
        listen(for: .milliseconds(600))
    }

    /// Ends that process, and returns the longest time in milliseconds between two of its turns.
    private func longestTurn(of part: HarmTrialPart) throws -> Int {
        let text = try system.run("kill $(cat /tmp/turns.process); cat /tmp/turns", on: part.name).output
        let times = text.split(separator: "\n").compactMap { Double($0) }
        guard times.count > 2 else { throw SystemFailure(description: "'\(part.name)' has noted no turns: \(text)") }
        return zip(times, times.dropFirst()).map { Int(($1 - $0) * 1000) }.max() ?? 0
    }

    // MARK: Forged input

    /// Lets the driver give each part a letter that nobody has typed.
    private mutating func tryForgery() throws {
        for part in parts { _ = try system.takeOutput(of: part.name) }
        try system.type(DriverFault.forge.rawValue, on: ConsoleDriver.name)
        var losers = Set<String>()
        for part in parts where !part.isAsked && part.noticesInput {
            let text = try system.wait(for: "lost input", on: part.name, timeout: .seconds(10))
            if !text.isEmpty { losers.insert(part.name) }
        }
        for part in parts where part.isAsked {
            // The shell shows the letter. Control-U removes it from the line.
            try system.wait(for: "x", on: part.name, timeout: .seconds(10))
            losers.insert(part.name)
            try system.type("\u{15}", on: part.name)
        }
        try waitForAll(timeout: .seconds(60))
        let harm = harm(dead: try takeDeaths(), losers: losers, by: ConsoleDriver.name)
        record(harm, by: ConsoleDriver.name, "forged input", aim: .change, noticedBy: \.noticesInput)
    }

    /// Lets the driver give root a command that nobody has typed. Root obeys it, and kills a part. A restart of that
    /// part may end others.
    private mutating func tryForgedCommand() throws {
        guard let victim = parts.first(where: { !$0.isMachine }) ?? parts.first else { return }
        try system.forget("root")
        try system.type(DriverFault.forgeCommand.rawValue + "kill \(victim.name)\n", on: ConsoleDriver.name)
        try system.wait(for: "kill: \(victim.name)", on: "root")
        try waitForAll(timeout: .seconds(60))
        let harm = harm(dead: try takeDeaths(), by: ConsoleDriver.name)
        // The command names one part only, so it is no evidence that the others go on.
        record(harm, by: ConsoleDriver.name, "forged a command for root") { _ in false }
    }
}
