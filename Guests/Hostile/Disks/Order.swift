import GuestHardware
import GuestSupport

/// The orders of the machine's command line: `seed=N`, `rounds=N` and `behaves`.
struct Order {
    /// The seed of the first life. Each life adds its number.
    var seed: UInt64
    /// The number of rounds after which the machine resets itself.
    var rounds: UInt64
    /// True if the machine only uses its disk, as the neighbour of a hostile machine.
    var behaves: Bool

    /// Reads the words from the device tree whose address the monitor passes in `x0`. They are found by their text,
    /// because no other part of the tree contains it.
    init(deviceTree tree: UInt64) {
        (seed, rounds, behaves) = (1, 40, false)
        guard tree != 0, guest_load32(tree) == 0xEDFE_0DD0 else { return }
        let end = tree + UInt64(guest_load32(tree + 4).byteSwapped)
        seed = Order.number("seed=", tree, end) ?? seed
        rounds = Order.number("rounds=", tree, end) ?? rounds
        behaves = Order.place("behaves", tree, end) != nil
    }

    private static func number(_ name: StaticString, _ start: UInt64, _ end: UInt64) -> UInt64? {
        guard var place = place(name, start, end) else { return nil }
        var value: UInt64 = 0
        while place < end, case let digit = guest_load8(place) &- 0x30, digit < 10 {
            value = value &* 10 &+ UInt64(digit)
            place += 1
        }
        return value
    }

    /// Returns the address behind a word, which begins behind a space.
    private static func place(_ name: StaticString, _ start: UInt64, _ end: UInt64) -> UInt64? {
        name.withUTF8Buffer { text in
            var place = start + 1
            while place + UInt64(text.count) <= end {
                var index = 0
                // SAFETY: the buffer of a literal is valid for ever, and `index` is below its count.
                while index < text.count, guest_load8(place + UInt64(index)) == (unsafe text[index]) { index += 1 }
                if index == text.count, guest_load8(place - 1) == 0x20 { return place + UInt64(index) }
                place += 1
            }
            return nil
        }
    }
}
