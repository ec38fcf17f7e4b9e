/// Counts values in buckets that are at most a 32nd of their value wide. Values below 64 are exact, and others are
/// off by at most about 3 %. `Guests/Linux/histogram.h` has the same buckets.
struct Histogram {
    private var counts = InlineArray<928, UInt32>(repeating: 0)
    private(set) var count: UInt64 = 0
    private(set) var sum: UInt64 = 0
    private(set) var least = UInt64.max
    private(set) var greatest: UInt64 = 0

    static var bucketCount: Int { 928 }

    var mean: UInt64 { count == 0 ? 0 : sum / count }

    mutating func add(_ value: UInt64) {
        counts[Self.bucket(of: value)] &+= 1
        count += 1
        sum += value
        least = min(least, value)
        greatest = max(greatest, value)
    }

    func count(in bucket: Int) -> UInt32 { counts[bucket] }

    /// Returns the largest value of the bucket that holds the value at `share` millionths of all values, counted from
    /// the least.
    func percentile(_ share: UInt64) -> UInt64 {
        let wanted = (count * share + 999_999) / 1_000_000
        var passed: UInt64 = 0
        for bucket in 0..<Self.bucketCount {
            passed += UInt64(counts[bucket])
            if passed >= wanted { return min(Self.lowerBound(of: bucket + 1) - 1, greatest) }
        }
        return greatest
    }

    private static func bucket(of value: UInt64) -> Int {
        if value < 64 { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return min((exponent - 5) * 32 + Int(value >> UInt64(exponent - 5)), bucketCount - 1)
    }

    static func lowerBound(of bucket: Int) -> UInt64 {
        if bucket < 64 { return UInt64(bucket) }
        return UInt64(32 + bucket % 32) << UInt64(bucket / 32 - 1)
    }
}
