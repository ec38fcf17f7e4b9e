/// A small generator with a seed (SplitMix64), so that a run can be repeated.
public struct Random {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// Returns a number below `bound`, which is not 0.
    public mutating func next(below bound: UInt64) -> UInt64 { next() % bound }

    /// Returns a number whose magnitude is random as well: small, page-sized and huge ones all occur.
    public mutating func nextOfAnySize() -> UInt64 { next() >> next(below: 64) }
}
