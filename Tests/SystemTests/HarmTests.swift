import Foundation
import SystemImage
import Testing

@testable import Tool

extension SystemTests {
    /// Compares the harm analysis with systems that run. Each part, the console driver included, is killed and hung in
    /// turn, writes to all that it can name, and reads it. The analysis must have predicted each part that stands
    /// still, dies, is changed or is read.
    @Suite(.serialized) struct HarmTests {
        /// The system has instances of most kinds of harm. Its manifest lists the kinds that it lacks.
        @Test func everyVictimIsPredicted() throws {
            var trial = try HarmTrial("Tests/Systems/harm.yaml")
            try trial.tryEverything()
            try report(trial)
            // The trial would prove nothing if it never observed harm.
            for expected in mustHappen { #expect(trial.seen.contains(expected), "nobody saw: \(expected)") }
            expectOnlyWhatWasSeen(trial.injections)
            try expectReportOfTheImage()
        }

        /// A part without a secret is not recorded as unread. The loss by a kill is not charged to the hang before it.
        private func expectOnlyWhatWasSeen(_ injections: [FaultInjection]) {
            let readings = injections.filter { $0.aim == .read }.flatMap(\.observations)
            #expect(readings.contains { $0.victim == "left" && $0.effect == nil })
            #expect(!readings.contains { $0.victim == "producer" })
            let hangs = injections.filter { $0.offender == "consumer" && $0.fault == "took nothing" }
            #expect(hangs.count == 1)
            #expect(!hangs.contains { $0.observations.contains { $0.effect == .change } })
        }

        /// Two reports are equal. Each names the faults that were tried, and the hash of the image that the tool builds
        /// from the manifest.
        private func expectReportOfTheImage() throws {
            let system = Repository.file("Tests/Systems/harm.yaml").path
            func output(_ name: String, _ body: (String) throws -> Void) throws -> URL {
                let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).\(name)")
                try body(file.path)
                return file
            }
            let reports = try (0..<2).map { _ in
                try output("html") { try CheckCommand.parse([system, "--report", $0]).run() }
            }
            let image = try output("img") { try BuildCommand.parse([system, "--fixed-seed", "-o", $0]).run() }
            defer { for file in reports + [image] { try? FileManager.default.removeItem(at: file) } }
            let texts = try reports.map { try String(contentsOf: $0, encoding: .utf8) }
            let hash = try Subprocess("sha256sum", [image.path]).text().prefix { $0 != " " }
            #expect(texts[0] == texts[1])
            #expect(texts[0].contains("sha256:\(hash)<"))
            #expect(texts[0].contains("took nothing, and was killed: was changed"))
            // The new kinds of faults appear with the pairs, also those without harm.
            for fault in ["read all that it can name", "wrote to all that it can name", "forged input"] {
                #expect(texts[0].contains("\(fault): was "))
            }
            #expect(texts[0].contains("read all that it can name: was not read"))
            #expect(texts[0].contains("wrote to all that it can name: was not changed"))
        }

        /// The programs of the examples are replaced by programs that print lines, and hang on request. The plans stay
        /// those of the examples, so the analysis predicts the harm of the examples.
        @Test(arguments: [
            (
                "crash",
                ["debian stall heartbeat", "debian stall crash", "debian stall serial", "heartbeat change serial"]
            ),
            (
                "pager-hangs",
                [
                    "reader stall bad-pager", "other stall good-pager", "other end good-pager",
                    "reader change bad-pager", "other change good-pager", "reader read bad-pager",
                    "other read good-pager",
                ]
            ),
            ("realtime", ["debian stall serial"]),
            ("two-machines", ["first stall heartbeat", "first stall serial", "second stall serial"]),
        ])
        func everyVictimOfAnExampleIsPredicted(name: String, mustHappen: [String]) throws {
            var trial = try HarmTrial("examples/\(name)", standIns: .all)
            try trial.tryEverything()
            try report(trial)
            for expected in mustHappen { #expect(trial.seen.contains(expected), "nobody saw: \(expected)") }
        }

        /// One example keeps its Debian. In the other examples another program replaces it, because Debian takes
        /// seconds to start.
        @Test func everyVictimBesideDebianIsPredicted() throws {
            var trial = try HarmTrial("examples/debian", standIns: .components)
            try trial.tryEverything()
            try report(trial)
            for expected in ["debian change serial", "heartbeat change serial"] {
                #expect(trial.seen.contains(expected), "nobody saw: \(expected)")
            }
        }

        /// Each machine stands still while the driver, storage or its own backend is dead. It loses nothing, and the
        /// death of one machine's backend does not delay the other machine.
        @Test func everyVictimOfDisksIsPredicted() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var trial = try HarmTrial("Tests/Systems/harm-disks.yaml", disks: folder)
            trial.unexpected = ["left stall right.disks", "right stall left.disks"]
            try trial.tryEverything()
            try report(trial)
            for machine in ["left", "right"] {
                for part in ["block-driver", "storage", "\(machine).disks"] {
                    #expect(trial.seen.contains("\(machine) stall \(part)"), "nobody saw: \(machine) stall \(part)")
                    #expect(!trial.seen.contains("\(machine) change \(part)"))
                }
            }
            #expect(trial.seen.isDisjoint(with: trial.unexpected))
        }

        private func report(_ trial: HarmTrial) throws {
            print(trial.summary)
            #expect(trial.surprises.isEmpty, "\(trial.surprises.joined(separator: "\n"))")
            try trial.save()
        }

        private let mustHappen = [
            "client stall server", "low stall client", "low stall server", "listener stall ringer", "right end left",
            "left end right", "ringer stall listener", "left stall listener", "watched end left",
            "producer stall consumer", "producer change consumer", "low stall consumer",
            "watched end serial", "client end serial",
            "listener change serial", "listener change ringer", "ringer change listener",
            "listener read ringer", "ringer read listener", "right change watched", "watched change right",
            "right read watched", "watched read right",
        ]
    }
}
