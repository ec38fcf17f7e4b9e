import Foundation
import SystemImage
import Testing

@testable import Tool

extension SystemTests {
    /// Cuts the power of the board, by SIGKILL of the emulator, while a machine makes records and rows durable, and
    /// while the system makes and deletes snapshots and clones of its disk. After each cut the pool is sound, the file
    /// systems need their journals alone, and everything acknowledged is there.
    ///
    /// The host's cache survives SIGKILL, so that whatever the emulator has written is there after a cut. `CrashTests`
    /// loses, reorders and tears what was not flushed. `ENTENTE_POWER_CUTS` is the number of cuts, and `ENTENTE_SEED`
    /// repeats the choices of an earlier run.
    @Suite(.serialized) struct PowerCutTests {
        private static let cuts = TestEnvironment.number("ENTENTE_POWER_CUTS") ?? 5

        @Test func everythingAcknowledgedSurvives() throws {
            let seed = TestEnvironment.seed
            let trial = try PowerCutTrial(seed: seed)
            defer { trial.remove() }
            for cut in 1...max(Self.cuts, 1) {
                do {
                    try trial.runAndCut()
                    try trial.verify()
                } catch {
                    Issue.record("ENTENTE_SEED=\(seed), cut \(cut), journal mode \(trial.modes.last ?? ""): \(error)")
                    return
                }
            }
            // Otherwise the cuts have met nothing.
            #expect(trial.records > 0 && trial.rows > 0 && trial.copies.snapshots + trial.copies.clones > 0)
            let copies = trial.copies
            print(
                "disks survived \(Self.cuts) power cuts, ENTENTE_SEED=\(seed); records \(trial.records), "
                    + "rows \(trial.rows), snapshots \(copies.snapshots), clones \(copies.clones), deletions "
                    + "\(copies.deletions); cuts during an order \(copies.interrupted), of which it had happened "
                    + "\(copies.happened) times")
        }
    }
}
