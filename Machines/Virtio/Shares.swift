/// The division of a pool of equal things among the disks of a machine: chains, pages of the window, or requests.
///
/// Half of the pool is reserved in equal parts, and each disk can always have its part. The other half belongs to any
/// disk that needs it. A disk that never gives anything back therefore leaves the reserved parts of all others.
struct Shares {
    private(set) var used = InlineArray<8, Int>(repeating: 0)
    private var free: Int
    /// The part of each disk.
    private var reserve = 0
    /// The number that the disks have not taken of their reserved parts. It is never more than `free`.
    private var unmet = 0

    init(total: Int) { free = total }

    /// Reserves the parts, before anything is taken.
    /// - Parameter disks: 1…8.
    mutating func divide(among disks: Int) {
        reserve = free / (2 &* disks)
        unmet = reserve &* disks
    }

    @inline(__always)
    private func unmet(_ slot: Int) -> Int { max(0, reserve &- used[slot]) }

    /// Returns the number that a disk can take now.
    @inline(__always)
    func allowance(_ slot: Int) -> Int { free &- unmet &+ unmet(slot) }

    /// Takes some for a disk, at most its allowance.
    @inline(__always)
    mutating func take(_ count: Int, _ slot: Int) {
        unmet &-= unmet(slot)
        used[slot] &+= count
        unmet &+= unmet(slot)
        free &-= count
    }

    @inline(__always)
    mutating func give(_ count: Int, _ slot: Int) {
        unmet &-= unmet(slot)
        used[slot] &-= count
        unmet &+= unmet(slot)
        free &+= count
    }
}
