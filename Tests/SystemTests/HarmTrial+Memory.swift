import Foundation
import SystemImage

@testable import Tool

// Trials of the effects `change` and `read`. Each part fills memory of its own, and its half of shared memory, with
// words that name the part. It says `lost` if such a word has changed, and `found N` if it finds a word of part N.
extension HarmTrial {
    private static let reading = "read all that it can name"
    private static let writing = "wrote to all that it can name"

    mutating func tryMemory() throws {
        // A machine cannot know its number by itself. It counts the letter that follows `#` from `@` on.
        for part in parts where part.isMachine && part.reaches {
            try system.type("#\(Character(UnicodeScalar(UInt8(0x40 + part.number))))", on: part.name)
            try system.wait(for: "numbered", on: part.name)
        }
        try tryReading()
        let harmful = parts.filter { offender in
            offender.reaches && parts.contains { isForeseen($0.name, .change, offender.name) }
        }
        for part in harmful { try tryWriting([part]) }
        try tryWriting(parts.filter { $0.reaches && !harmful.map(\.name).contains($0.name) })
    }

    /// Lets all parts read at the same time, because each names the parts whose memory it has found.
    private mutating func tryReading() throws {
        let readers = parts.filter(\.reaches)
        for part in readers { try system.type("r", on: part.name) }
        for reader in readers {
            let text = try system.wait(for: "has read", on: reader.name)
            var harm: [String: [HarmEffect]] = [:]
            for match in text.matches(of: /found (\d+)/) {
                let victim = parts.first { $0.number == Int(match.1) }
                harm[victim?.name ?? "nobody", default: []] = [.read]
            }
            if harm["nobody"] != nil {
                surprises.append("'\(reader.name)' found the secret of an unknown part: \(text)")
            }
            record(harm, by: reader.name, Self.reading, aim: .read)
        }
    }

    /// Lets these parts write at the same time. If anybody notices, they write one after the other, so that the
    /// offender is known.
    private mutating func tryWriting(_ offenders: [HarmTrialPart]) throws {
        for part in parts { _ = try system.takeOutput(of: part.name) }
        for part in offenders { try system.type("w", on: part.name) }
        var texts: [String: String] = [:]
        for part in offenders { texts[part.name] = try system.wait(for: "wrote", on: part.name) }
        let losers = try waitForAll(timeout: .seconds(60)).union(texts.filter { $0.value.contains("lost") }.keys)
        if offenders.count > 1, !losers.isEmpty {
            for offender in offenders { try tryWriting([offender]) }
            return
        }
        for offender in offenders {
            let harm = losers.subtracting([offender.name]).map { ($0, [HarmEffect.change]) }
            record(Dictionary(uniqueKeysWithValues: harm), by: offender.name, Self.writing, aim: .change)
        }
    }
}
