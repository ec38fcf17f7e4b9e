/// The behaviour of a GICv3 for one CPU in the simplest form: without list registers, laziness, or other cores.
///
/// The kernel's implementation with list registers must look the same to the guest.
struct ReferenceInterruptController {
    struct Line {
        var isEnabled = false
        var isEdge = false
        var isHigh = false
        /// True if it is pending by an edge or a write, until it is acknowledged or cleared.
        var isLatched = false
        var isActive = false
        var priority: UInt8 = 0
        var isPending: Bool { isLatched || isHigh && !isEdge }
    }

    static let count = 128
    /// The interrupts that exist.
    var numbers = Array(0..<count)
    var lines = Array(repeating: Line(), count: count)
    var isForwarding = false
    /// The value of ICC_PMR_EL1.
    var priorityMask: UInt8 = 0xFF
    /// The group priorities that are being handled (bit p), as in ICC_AP1R0.
    private(set) var activePriorities: UInt64 = 0

    init() {
        for number in 0..<16 { lines[number].isEdge = true }
    }

    var runningPriority: Int { activePriorities == 0 ? 32 : activePriorities.trailingZeroBitCount }

    /// The interrupts that could be acknowledged now.
    var deliverable: [Int] {
        guard isForwarding else { return [] }
        return numbers.filter {
            let line = lines[$0]
            return line.isEnabled && line.isPending && !line.isActive && Int(line.priority >> 3) < runningPriority
                && line.priority < priorityMask
        }
    }

    var active: [Int] { numbers.filter { lines[$0].isActive } }

    mutating func setLevel(_ number: Int, _ isHigh: Bool) {
        if isHigh, !lines[number].isHigh, lines[number].isEdge { lines[number].isLatched = true }
        lines[number].isHigh = isHigh
    }

    /// Acknowledges the interrupt that the hardware offered. Returns its fault, or nil.
    mutating func acknowledge(_ offered: UInt32) -> String? {
        let candidates = deliverable
        guard offered != 1023 else {
            return candidates.isEmpty ? nil : "lost: \(candidates) could be taken, none was offered"
        }
        let number = Int(offered)
        guard number < Self.count else { return "interrupt \(number) does not exist" }
        guard candidates.contains(number) else { return "invented: \(number) \(lines[number])" }
        let best = candidates.map { lines[$0].priority >> 3 }.min()!
        guard lines[number].priority >> 3 == best else {
            return "\(number) was offered before \(candidates.filter { lines[$0].priority >> 3 == best })"
        }
        lines[number].isLatched = false
        lines[number].isActive = true
        activePriorities |= 1 << UInt64(lines[number].priority >> 3)
        return nil
    }

    /// Performs the first half of an end, after which other interrupts of the same priority can be taken.
    mutating func drop() { activePriorities &= activePriorities &- 1 }

    /// Performs the second half of an end, after which the interrupt can be taken again.
    mutating func deactivate(_ number: Int) { lines[number].isActive = false }

    /// Resets the virtual CPU. Its monitor configures it as before, because the distributor is not reset with it.
    mutating func reset() {
        activePriorities = 0
        priorityMask = 0xFF
        for number in lines.indices {
            lines[number].isLatched = false
            lines[number].isActive = false
        }
    }
}
