import Foundation

extension UInt64 {
    /// Returns the next multiple of `alignment`, a power of two. It saturates instead of wrapping around.
    func aligned(to alignment: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(alignment - 1)
        return overflow ? UInt64.max & ~(alignment - 1) : sum & ~(alignment - 1)
    }

    func isMultiple(ofSize alignment: UInt64) -> Bool { self & (alignment - 1) == 0 }
}

extension Data {
    mutating func padWithZeros(to size: Int) {
        if count < size { append(Data(count: size - count)) }
    }
}
