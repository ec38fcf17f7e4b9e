/// Generates the same numbers for the same seed, on every host (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// Shortens a failing list of steps while it still fails (delta debugging). It leaves out pieces, large ones first.
func shrink<Step>(_ steps: [Step], while fails: ([Step]) -> Bool) -> [Step] {
    var shortest = steps
    var piece = max(shortest.count / 2, 1)
    while true {
        var start = 0
        while start < shortest.count {
            var candidate = shortest
            candidate.removeSubrange(start..<min(start + piece, shortest.count))
            if fails(candidate) { shortest = candidate } else { start += piece }
        }
        if piece == 1 { return shortest }
        piece /= 2
    }
}
