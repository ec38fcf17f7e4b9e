import Entente

/// An interface with four numbers in and one out, to compare a typed call with one that is written by hand.
protocol MixInterface: Service {
    mutating func mix(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) -> UInt64
}

struct Mixer: MixInterface {
    @inline(__always)
    mutating func mix(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) -> UInt64 {
        first ^ second ^ third ^ fourth
    }
}
