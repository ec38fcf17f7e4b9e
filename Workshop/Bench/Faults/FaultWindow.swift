/// A fault of one part of a system, in a window of the board's time.
struct FaultWindow: Equatable {
    enum Kind: String, CaseIterable {
        /// The part dies by an undefined instruction, as a program that traps.
        case killed
        /// The part spins until the end of the window.
        case hung
        /// Each of the part's system calls takes `FaultWindow.delay` longer.
        case slowed
    }

    /// The name of the tenant; a machine's name stands for its monitor.
    var part: String
    var kind: Kind
    /// The window in microseconds since the board's reset. The fault begins with the part's first system call in it.
    var range: Range<UInt64>

    /// The delay of each system call of a slowed part, in microseconds.
    static let delay: UInt64 = 1000
}

/// The faults of one run. The board's time is divided in slots. Each slot has one fault at most, and some time after it
/// in which the victims report.
struct FaultSchedule {
    private(set) var windows: [(slot: Int, window: FaultWindow)] = []
    /// The number of slots that belong to a fault, by its first slot.
    private var lengths: [Int: Int] = [:]
    /// The number of slots, with the first one, which has no fault and shows the usual times.
    private(set) var slots = 1

    /// All times are in microseconds since the board's reset. Before the start the machines boot.
    static let start: UInt64 = 4_000_000
    static let slot: UInt64 = 600_000
    /// The time from the start of a slot to its fault.
    static let lead: UInt64 = 100_000
    /// The time for which a part hangs or is slow.
    static let length: UInt64 = 200_000
    /// The time in which a part must make a system call, so that it dies. It is shorter than the wait before a
    /// restart, so that the part does not die twice.
    static let killLength: UInt64 = 8_000

    /// The further slots that a machine needs to boot again.
    static let slotsToBoot = 6

    /// Adds a slot with a fault.
    ///
    /// - Parameter rest: the number of further slots in which the system recovers.
    mutating func add(_ kind: FaultWindow.Kind, of part: String, rest: Int = 0) {
        let begin = Self.start + UInt64(slots) * Self.slot + Self.lead
        let length = kind == .killed ? Self.killLength : Self.length
        windows.append((slots, FaultWindow(part: part, kind: kind, range: begin..<begin + length)))
        lengths[slots] = 1 + rest
        slots += 1 + rest
    }

    /// Returns the time of a fault's slots, in microseconds since the board's reset.
    func span(of slot: Int) -> Range<UInt64> {
        let begin = Self.start + UInt64(slot) * Self.slot
        return begin..<begin + UInt64(lengths[slot] ?? 1) * Self.slot
    }

    func windows(of part: String) -> [FaultWindow] { windows.map(\.window).filter { $0.part == part } }
}
