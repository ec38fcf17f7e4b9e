import DiskSupport
import GuestHardware
import GuestSupport

/// The use of the machine's first disk: in each turn the machine writes a few sectors and reads those of the turn
/// before. So it stands still if somebody behind its disk does.
struct DiskWitness {
    private var session: DiskSession
    private var turn: UInt64 = 0
    private static let sectors: UInt64 = 8

    /// Starts the disk. Returns nil if the machine has none.
    init?() {
        let deviceID = VirtioDisk(slot: 0).base + DiskRegister.deviceID
        guard probe(deviceID) == 2 else { return nil }
        var random = Random(seed: 1)
        guard let session = DiskSession(slot: 0, &random) else { return nil }
        self.session = session
        if !isRight { sayLost() }
    }

    mutating func takeTurn() {
        turn += 1
        if !isRight { sayLost() }
    }

    /// Writes the sectors of this turn, and compares those of the turn before. Interrupts are masked meanwhile, because
    /// the session waits for them itself.
    private var isRight: Bool {
        mutating get {
            guest_disable_interrupts()
            defer { guest_enable_interrupts() }
            guard session.write(turn, place(turn), Self.sectors) == nil, session.perform(RequestType.flush, 0, 0) == nil
            else { return false }
            guard turn > 0 else { return true }
            guard session.read(place(turn - 1), Self.sectors) == nil else { return false }
            for index in 0..<Self.sectors where !session.has(turn - 1, index) { return false }
            return true
        }
    }

    private func place(_ turn: UInt64) -> UInt64 { turn % 64 * Self.sectors }

    private func sayLost() {
        write("lost the disk")
        endLine()
    }
}
