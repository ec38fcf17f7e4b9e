/// Chooses ways other than the usual one at random.
struct RandomPolicy {
    private var state: UInt64
    /// The number of points, of each 256 possible ones, at which a run leaves its usual course.
    private var rate: UInt64

    init(seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        rate = 0
        rate = [4, 12, 32, 80][Int(next() % 4)]
    }

    private mutating func next() -> UInt64 {
        // SplitMix64's step, for a few bits at a time.
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func choose(_ alternatives: [Int], isSwitch: Bool, isForced: Bool) -> Int {
        if !isForced, next() & 255 >= rate { return alternatives[0] }
        return alternatives[Int(next() % UInt64(alternatives.count))]
    }
}
