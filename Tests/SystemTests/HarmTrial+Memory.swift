import Foundation
import SystemImage

@testable import Tool

// Trials of the effects `change` and `read`. Each part fills memory of its own, and its half of shared memory, with
// words that name the part. It says `lost` if such a word has changed, and `found N` if it finds a word of part N.
extension HarmTrial {
    private static let reading = "read all that it can name"
    private static let writing = "wrote to all that it can name"

    mutating func tryMemory() throws {
        try giveSecrets()
        try tryReading(parts.filter(\.reaches))
        let harmful = parts.filter { offender in
            offender.reaches && parts.contains { isForeseen($0.name, .change, offender.name) }
        }
        for part in harmful { try tryWriting([part]) }
        try tryWriting(parts.filter { $0.reaches && !harmful.map(\.name).contains($0.name) })
    }

    /// Tells each machine its secret, in letters of four bits from `@` on.
    private func giveSecrets() throws {
        for part in parts where part.isMachine && part.reaches {
            let secret = HarmTrialPart.secret(of: part.number)
            var text = "#"
            for shift in stride(from: 60, through: 0, by: -4) {
                let bits = UInt8(truncatingIfNeeded: secret >> UInt64(shift)) & 0xF
                text.unicodeScalars.append(UnicodeScalar(0x40 + bits))
            }
            try system.type(text, on: part.name)
            try system.wait(for: "has a secret", on: part.name)
        }
    }

    /// Lets these parts read at the same time, because each names the parts whose memory it has found. If anybody dies,
    /// they read one after the other, so that the offender is known.
    private mutating func tryReading(_ readers: [HarmTrialPart]) throws {
        let (texts, dead) = try read(readers)
        if readers.count > 1, !dead.isEmpty {
            for reader in readers { try tryReading([reader]) }
            return
        }
        for reader in readers {
            var harm = harm(dead: dead, by: reader.name)
            if isDoubtful(harm, by: reader.name) {
                harm = confirmed(harm, self.harm(dead: try read([reader]).dead, by: reader.name), by: reader.name)
            }
            for match in texts[reader.name, default: ""].matches(of: /found (\d+)/) {
                guard let victim = parts.first(where: { $0.number == Int(match.1) }) else {
                    surprises.append("'\(reader.name)' found the secret of an unknown part: \(match.1)")
                    continue
                }
                harm[victim.name, default: []].insert(.read)
            }
            record(harm, by: reader.name, Self.reading, aim: .read, noticedBy: \.reaches)
        }
    }

    /// Lets parts read. Returns their words, and the parts that have died meanwhile.
    private mutating func read(_ readers: [HarmTrialPart]) throws -> (texts: [String: String], dead: Set<String>) {
        for part in readers { try system.type("r", on: part.name) }
        var texts: [String: String] = [:]
        for part in readers { texts[part.name] = try system.wait(for: "has read", on: part.name) }
        return (texts, try takeDeathsInMemoryTrial())
    }

    /// Lets these parts write at the same time. If anybody notices, they write one after the other, so that the
    /// offender is known.
    private mutating func tryWriting(_ offenders: [HarmTrialPart]) throws {
        let (losers, dead) = try write(offenders)
        if offenders.count > 1, !losers.isEmpty || !dead.isEmpty {
            for offender in offenders { try tryWriting([offender]) }
            return
        }
        for offender in offenders.map(\.name) {
            var harm = harm(dead: dead, losers: losers, by: offender)
            if isDoubtful(harm, by: offender) {
                let (losers, dead) = try write(offenders)
                harm = confirmed(harm, self.harm(dead: dead, losers: losers, by: offender), by: offender)
            }
            record(harm, by: offender, Self.writing, aim: .change, noticedBy: \.checksMemory)
        }
    }

    /// Lets parts write. Returns the parts that have noticed it, and those that have died meanwhile.
    private mutating func write(_ offenders: [HarmTrialPart]) throws -> (losers: Set<String>, dead: Set<String>) {
        for part in parts { _ = try system.takeOutput(of: part.name) }
        for part in offenders { try system.type("w", on: part.name) }
        var texts: [String: String] = [:]
        for part in offenders { texts[part.name] = try system.wait(for: "wrote", on: part.name) }
        let losers = try waitForAll(timeout: .seconds(60)).union(texts.filter { $0.value.contains("lost") }.keys)
        return (losers, try takeDeathsInMemoryTrial())
    }

    /// Returns the parts that have died since the last count. A machine among them has lost its secret, so it gets the
    /// secret again.
    private mutating func takeDeathsInMemoryTrial() throws -> Set<String> {
        let dead = try takeDeaths()
        if !dead.isEmpty {
            try waitForAll(timeout: .seconds(60))
            try giveSecrets()
        }
        return dead
    }
}
