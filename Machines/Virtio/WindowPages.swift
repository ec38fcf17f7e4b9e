/// The free pages of a client's window. Each part of a request gets a run of pages for its data.
public struct WindowPages {
    public static let pageSize: UInt64 = 4096
    /// The number of pages of the largest window that is used.
    static let maximum = 1024

    /// A bit for each page, set if the page is free.
    private var free = InlineArray<16, UInt64>(repeating: 0)
    private var count: Int
    public private(set) var freeCount: Int

    /// - Parameter size: the size of the window in bytes.
    public init(size: UInt64) {
        count = Int(truncatingIfNeeded: min(size / WindowPages.pageSize, UInt64(WindowPages.maximum)))
        freeCount = count
        for page in 0..<count { free[page >> 6] |= 1 << UInt64(page & 63) }
    }

    public struct Run: Equatable, Sendable {
        public let first: Int
        public let count: Int
        @inline(__always) public init(first: Int, count: Int) { (self.first, self.count) = (first, count) }
        @inline(__always) public var offset: UInt64 { UInt64(first) &* WindowPages.pageSize }
        @inline(__always) public var size: UInt64 { UInt64(count) &* WindowPages.pageSize }

        /// The words of `free` with its pages.
        @inline(__always) fileprivate var words: Range<Int> { first >> 6..<(first &+ count &+ 63) >> 6 }
        /// The bits of its pages in a word with at least one of them.
        @inline(__always) fileprivate func mask(_ word: Int) -> UInt64 {
            let start = max(first &- word &* 64, 0)
            let end = min(first &+ count &- word &* 64, 64)
            return (~0 >> UInt64(64 &- (end &- start))) << UInt64(start)
        }
    }

    /// Takes the first run of `wanted` free pages, or else the longest run of free pages. Returns nil if no page is
    /// free.
    /// - Parameter wanted: 1 or more.
    @inline(__always)
    public mutating func take(_ wanted: Int) -> Run? {
        guard freeCount > 0 else { return nil }
        if wanted == 1 {
            for word in 0..<free.count where free[word] != 0 {
                return claim(Run(first: word &* 64 &+ free[word].trailingZeroBitCount, count: 1))
            }
        }
        return search(wanted)
    }

    @inline(never)
    private mutating func search(_ wanted: Int) -> Run? {
        var best = Run(first: 0, count: 0)
        var page = 0
        while page < count {
            let word = free[page >> 6] >> UInt64(page & 63)
            guard word != 0 else {
                page = (page | 63) &+ 1
                continue
            }
            page &+= word.trailingZeroBitCount
            let run = Run(first: page, count: length(at: page, atMost: wanted))
            if run.count > best.count { best = run }
            if best.count == wanted { break }
            page &+= run.count &+ 1
        }
        return best.count == 0 ? nil : claim(best)
    }

    /// Returns the number of free pages from `page` on.
    private func length(at page: Int, atMost wanted: Int) -> Int {
        var end = page
        while end < count, end &- page < wanted {
            let rest = 64 &- (end & 63)
            // The shift brings zeroes in, so that no more pages than the word has count as free.
            let run = (~(free[end >> 6] >> UInt64(end & 63))).trailingZeroBitCount
            end &+= min(run, rest)
            if run < rest { break }
        }
        return min(end &- page, wanted)
    }

    private mutating func claim(_ run: Run) -> Run {
        for word in run.words { free[word] &= ~run.mask(word) }
        freeCount &-= run.count
        return run
    }

    /// Takes the pages of some bytes of the window, for a request that an earlier life has submitted. Returns the empty
    /// run if one of the pages is not free or not in the window, because no request has such a place.
    mutating func take(at offset: UInt64, size: UInt64) -> Run {
        let first = Int(truncatingIfNeeded: offset / WindowPages.pageSize)
        let end = Int(truncatingIfNeeded: (offset &+ size &+ WindowPages.pageSize &- 1) / WindowPages.pageSize)
        guard first < end, end <= count, length(at: first, atMost: end &- first) == end &- first else {
            return Run(first: 0, count: 0)
        }
        return claim(Run(first: first, count: end &- first))
    }

    /// Frees pages that `take` has returned.
    @inline(__always)
    public mutating func give(_ run: Run) {
        for word in run.words { free[word] |= run.mask(word) }
        freeCount &+= run.count
    }
}
