import Entente

/// Observes a component of the harm trials from inside: it measures the longest time between two of the component's
/// turns, and checks the contents of the component's own memory.
///
/// The component itself measures, because the harness sees it through the console driver alone, which hangs in some of
/// the trials. The time is that of the system counter.
public struct Witness {
    /// The word with which the component fills its memory, from argument 1. It names the component, so that another
    /// part that finds such a word knows whose memory it has read.
    public let secret = Configuration.current.arguments[1]
    /// The bits of a secret that differ between the parts of a system.
    static let numberBits: UInt64 = 0xFFFF
    var number: UInt64 { secret & Self.numberBits }
    private var memory = InlineArray<128, UInt64>(repeating: 0)
    private var lastTurn: Instant?
    private var longestGap: UInt64 = 0
    private var isTalkative = false
    /// True if the component is the second end of its shared memory. The ends have a half each.
    private let isSecondEnd: Bool
    private let console: Console

    /// The number of bytes by which a talkative component makes its lines longer, so that two lines fill the queue.
    private static let padding = 1000

    /// The yields for a byte that finds the queue full. They are a tenth of the usual number, so that the delay is
    /// short beside the time for which the driver hangs.
    private static let patience = 10_000

    public init(isSecondEnd: Bool = false) {
        var console = Console()
        console.patience = Self.patience
        self.console = console
        self.isSecondEnd = isSecondEnd
        for index in memory.indices { memory[index] = secret }
        fillSharedMemory()
    }

    /// Notes that the component works. Logs a line if memory that only this component writes has changed.
    public mutating func turn() {
        let now = Instant.now
        if let lastTurn { longestGap = max(longestGap, now.ticks - lastTurn.ticks) }
        lastTurn = now
        for index in memory.indices where memory[index] != secret {
            memory[index] = secret
            log("lost private memory")
        }
        if !isSharedMemoryIntact {
            fillSharedMemory()
            log("lost shared memory")
        }
    }

    /// Logs the line by which the harness sees that the component works.
    public func report() {
        console.beginLine()
        console.write(text: "well, gap \(longestGap * 1000 / Clock.frequency) ms")
        if isTalkative { for _ in 0..<Self.padding { console.write(UInt8(ascii: ".")) } }
        console.write("\n")
        console.flush()
    }

    /// Obeys a letter that all components of the trials know. Returns false for any other letter, which nobody has
    /// typed.
    public mutating func obey(_ letter: UInt8) -> Bool {
        switch letter {
        case UInt8(ascii: "l"):
            isTalkative = true
            longestGap = 0
        case UInt8(ascii: "q"):
            isTalkative = false
            log("quiet, gap \(longestGap * 1000 / Clock.frequency) ms")
        case UInt8(ascii: "r"): readEverything()
        case UInt8(ascii: "w"):
            writeEverything()
            fillSharedMemory()
            log("wrote")
        case UInt8(ascii: "o"): readOutside()
        default:
            log("lost input, or got some that nobody has typed")
            return false
        }
        return true
    }

    // MARK: Shared memory

    /// Fills this end's half of each memory that the component shares with one other part.
    private func fillSharedMemory() {
        Reach.forEachSharedMemory { memory in
            let half = self.half(of: memory)
            for offset in stride(from: half.lowerBound, to: half.upperBound, by: 8) {
                memory[offset] = secret
            }
        }
    }

    private var isSharedMemoryIntact: Bool {
        var isIntact = true
        Reach.forEachSharedMemory { memory in
            let half = self.half(of: memory)
            for offset in stride(from: half.lowerBound, to: half.upperBound, by: 8)
            where memory[offset] != secret { isIntact = false }
        }
        return isIntact
    }

    private func half(of memory: SharedMemory) -> Range<Int> {
        isSecondEnd ? memory.size / 2..<memory.size : 0..<memory.size / 2
    }
}
