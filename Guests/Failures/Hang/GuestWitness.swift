import GuestHardware
import GuestSupport

/// Observes and harms as `HarmWitness` does for components: it measures the longest time between two turns, checks
/// memory that only the machine writes, and tries to read and to write all over the machine's space. The machine writes
/// the second half of the first page of memory that it shares.
struct GuestWitness {
    private var lastTurn: UInt64 = 0
    private var longestGap: UInt64 = 0
    private var isTalkative = false
    /// The word that fills the machine's memory, and names the machine. The harness types it behind `#` in 16 letters
    /// of four bits each, from `@` on, the highest bits first. It is 0 before.
    private var secret: UInt64 = 0
    private var awaitedLetters = 0
    private let hasWatchdog: Bool

    init(hasWatchdog: Bool) { self.hasWatchdog = hasWatchdog }

    /// The page that only the machine writes.
    private static var secretPage: UInt64 { guest_own_end() + 0x1_0000 }
    /// The bits of a secret that differ between the parts of a system.
    private static let numberBits: UInt64 = 0xFFFF
    private static let padding = 1000
    private static let garbage: UInt64 = 0xBAD0_BAD0_BAD0_BAD0

    mutating func turn() {
        let now = guest_counter()
        if lastTurn != 0 { longestGap = max(longestGap, now - lastTurn) }
        lastTurn = now
        guard secret != 0, awaitedLetters == 0 else { return }
        if !isFull(Self.secretPage, 4096) { say("lost private memory") }
        Self.forEachSharedPage { if !isFull($0 + 2048, 2048) { say("lost shared memory") } }
        fillMemory()
    }

    func report() {
        write("well")
        writeGap()
        if isTalkative { for _ in 0..<Self.padding { SerialPort.put(UInt8(ascii: ".")) } }
        endLine()
    }

    private func writeGap() {
        write(", gap ")
        write(decimal: longestGap * 1000 / guest_counter_frequency())
        write(" ms")
    }

    private func say(_ text: StaticString) {
        write(text)
        endLine()
    }

    mutating func obey(_ letter: UInt8) {
        if awaitedLetters > 0 {
            secret = secret << 4 | UInt64(letter & 0xF)
            awaitedLetters -= 1
            guard awaitedLetters == 0 else { return }
            fillMemory()
            return say("has a secret")
        }
        switch letter {
        case UInt8(ascii: "#"): awaitedLetters = 16
        case UInt8(ascii: "l"):
            isTalkative = true
            longestGap = 0
        case UInt8(ascii: "q"):
            isTalkative = false
            write("quiet")
            writeGap()
            endLine()
        case UInt8(ascii: "r"): readEverything()
        case UInt8(ascii: "w"): writeEverything()
        default: say("lost input, or got some that nobody has typed")
        }
    }

    // MARK: Secrets

    /// Calls `body` for the first page of each memory that the machine shares.
    private static func forEachSharedPage(_ body: (UInt64) -> Void) {
        for address in stride(from: 0x2000_0000, to: 0x2800_0000, by: 0x100_0000) as StrideTo<UInt64>
        where probe(address) != nil { body(address) }
    }

    private func fillMemory() {
        fill(Self.secretPage, 4096, secret)
        Self.forEachSharedPage { fill($0 + 2048, 2048, secret) }
    }

    private func fill(_ address: UInt64, _ size: UInt64, _ word: UInt64) {
        for offset in stride(from: 0, to: size, by: 8) as StrideTo<UInt64> { guest_store64(address + offset, word) }
    }

    private func isFull(_ address: UInt64, _ size: UInt64) -> Bool {
        for offset in stride(from: 0, to: size, by: 8) as StrideTo<UInt64>
        where guest_load64(address + offset) != secret { return false }
        return true
    }

    // MARK: Reading and writing

    /// Calls `body` for the low 4 GiB of the machine's space in steps of 2 MiB, without the devices' registers. It
    /// refreshes the watchdog at each step, because a walk may take longer than the watchdog's time.
    private func forEachStep(_ body: (UInt64) -> Void) {
        for address in stride(from: 0, to: 1 << 32, by: 1 << 21) as StrideTo<UInt64>
        where !(0x0800_0000..<0x0B20_0000).contains(address) {
            if hasWatchdog { Watchdog.refresh() }
            body(address)
        }
    }

    /// Says the number of each other part whose secret the machine finds. It looks at a word of each page that it can
    /// load, because the parts fill whole pages.
    private func readEverything() {
        var found: UInt64 = 0
        forEachStep { address in
            guard probe(address) != nil else { return }
            for offset in stride(from: 0, to: 1 << 21, by: 4096) as StrideTo<UInt64> {
                // A region of shared memory may be smaller than the step.
                guard isOwnMemory(address) || probe(address + offset) != nil else { return }
                let word = guest_load64(address + offset)
                let owner = word & Self.numberBits
                if (word ^ secret) & ~Self.numberBits == 0, word != secret, owner < 64 { found |= 1 << owner }
            }
        }
        for owner in 0..<64 as Range<UInt64> where found >> owner & 1 != 0 {
            write("found ")
            write(decimal: owner)
            endLine()
        }
        say("has read")
    }

    /// Returns true for the machine's own RAM, whose size is a multiple of 2 MiB.
    private func isOwnMemory(_ address: UInt64) -> Bool { address >= 0x4000_0000 }

    /// Overwrites memory that the machine shares, and stores to each address at which it has no memory.
    private func writeEverything() {
        let code = guest_code_buffer()
        let everythingMasked: UInt64 = 0xF << 6
        Self.forEachSharedPage { fill($0, 4096, Self.garbage) }
        forEachStep { address in
            guard probe(address) == nil else { return }
            guest_store32(code, 0xF900_0001)  // str x1, [x0]
            guest_store32(code + 4, 0xD65F_03C0)  // ret
            guest_publish_code(code, 8)
            guest_set_attempt_register(0, address)
            guest_set_attempt_register(1, Self.garbage)
            _ = guest_attempt(code, UInt64(UInt32.max >> 1), everythingMasked)
        }
        fillMemory()
        say("wrote")
    }
}
