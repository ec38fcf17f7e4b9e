import Entente

/// Counts the driver's work, and logs the counts when a user types a line at the driver's own console: `serial: 1234
/// looks, 1300 wake-ups in 2000 ms`.
struct Report {
    private var looks: UInt64 = 0
    private var wakeUps: UInt64 = 0
    private let start = Clock.now
    private let console = Console()

    mutating func noteWakeUp() { wakeUps &+= 1 }

    /// Ends a look. The driver is a client of itself, so that its next look sends the line that it logs here.
    mutating func answer() {
        looks &+= 1
        var isAsked = false
        while let byte = console.take() { if byte == 0x0A || byte == 0x0D { isAsked = true } }
        guard isAsked, console.hasRoom(for: 200) else { return }
        let milliseconds = (Clock.now - start) * 1000 / Clock.frequency
        log("serial: \(looks) looks, \(wakeUps) wake-ups in \(milliseconds) ms")
    }
}
