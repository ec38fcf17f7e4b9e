import Measuring

// Finds the sizes at which one way becomes cheaper than another, by measuring both at many sizes.

/// The progress of the comparison of two ways.
private struct Comparison {
    /// The size from which on the second way has been no dearer than the first, or nil if it is dearer now.
    var begin: UInt64?
    /// The first size at which the second way was no dearer although it had been dearer at a smaller one.
    var earliest: UInt64?
    /// True after the first way has been cheaper at some size.
    var wasDearer = false

    mutating func note(_ first: UInt64, _ second: UInt64, at size: UInt64) {
        if first < second {
            (begin, wasDearer) = (nil, true)
        } else if begin == nil {
            begin = size
            if wasDearer && earliest == nil { earliest = size }
        }
    }
}

/// Prints `bench: cross.FIRST-SECOND BYTES` for each two ways of which the first is cheaper for little data and the
/// second for much. The second is no dearer from this size on, at all sizes that were measured: multiples of 8 bytes
/// up to 512, of 64 up to 8 KiB, and of 8 KiB up to 1 MiB. Beyond 8 KiB the ways with many messages are left out, and
/// batches are left out at all sizes. If the ways cross several times, `bench: cross.first.FIRST-SECOND BYTES` has the
/// first size at which the second way is no dearer.
func findCrossings(_ sender: inout Sender) {
    var comparisons = InlineArray<36, Comparison>(repeating: Comparison())
    var size: UInt64 = 8
    while size <= Place.largest {
        var costs = InlineArray<6, UInt64?>(repeating: nil)
        let turns: UInt64 = size <= 512 ? 16 : size <= 8192 ? 4 : 1
        for index in 0..<Mechanism.count {
            guard let mechanism = Mechanism(rawValue: index), mechanism != .ringBatch else { continue }
            if size > 8192, mechanism == .registers || mechanism == .page { continue }
            costs[index] = sender.ticks(mechanism, size, turns: turns)
        }
        for first in 0..<Mechanism.count {
            for second in 0..<Mechanism.count where second != first {
                guard let left = costs[first], let right = costs[second] else { continue }
                comparisons[6 &* first &+ second].note(left, right, at: size)
            }
        }
        size &+= size < 512 ? 8 : size < 8192 ? 64 : 8192
    }
    for first in 0..<Mechanism.count {
        for second in 0..<Mechanism.count {
            let comparison = comparisons[6 &* first &+ second]
            guard comparison.wasDearer, let begin = comparison.begin, let left = Mechanism(rawValue: first),
                let right = Mechanism(rawValue: second)
            else { continue }
            report("cross.", left, right, begin)
            if let earliest = comparison.earliest, earliest != begin { report("cross.first.", left, right, earliest) }
        }
    }
}

private func report(_ prefix: StaticString, _ first: Mechanism, _ second: Mechanism, _ size: UInt64) {
    write("bench: ")
    write(prefix)
    write(first.name)
    write("-")
    write(second.name)
    write(" ")
    write(decimal: size)
    write("\n")
}
