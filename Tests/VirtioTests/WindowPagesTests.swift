import Testing

@testable import Virtio

/// The runs of free pages, compared with a list of pages.
@Suite struct WindowPagesTests {
    /// Returns the first run of `wanted` free pages, or the first of the longest ones.
    private func expected(_ free: [Bool], _ wanted: Int) -> WindowPages.Run? {
        var best = WindowPages.Run(first: 0, count: 0)
        var page = 0
        while page < free.count {
            var count = 0
            while page + count < free.count, count < wanted, free[page + count] { count += 1 }
            if count > best.count { best = WindowPages.Run(first: page, count: count) }
            if best.count == wanted { break }
            page += count + 1
        }
        return best.count == 0 ? nil : best
    }

    @Test(arguments: [1, 63, 64, 65, 200, 256, 1024]) func runsAreAsAListSays(pages: Int) {
        var random = SystemRandomNumberGenerator()
        var window = WindowPages(size: UInt64(pages) * WindowPages.pageSize)
        var free = [Bool](repeating: true, count: pages)
        var runs: [WindowPages.Run] = []
        for _ in 0..<2000 {
            if Bool.random(using: &random), let index = runs.indices.randomElement(using: &random) {
                let run = runs.remove(at: index)
                window.give(run)
                for page in run.first..<run.first + run.count { free[page] = true }
            } else {
                let wanted = [1, 2, 31, 32, 63, 64, 65, 126].randomElement(using: &random)!
                let run = window.take(wanted)
                #expect(run == expected(free, wanted))
                guard let run else { continue }
                for page in run.first..<run.first + run.count { free[page] = false }
                runs.append(run)
            }
            #expect(window.freeCount == free.count { $0 })
        }
    }

    @Test func aRunOfAnEarlierLifeIsTakenOnce() {
        var window = WindowPages(size: 200 * WindowPages.pageSize)
        let run = window.take(at: 60 * 4096 + 512, size: 70 * 4096)
        #expect(run == WindowPages.Run(first: 60, count: 71))
        #expect(window.take(at: 130 * 4096, size: 4096).count == 0)
        #expect(window.take(at: 131 * 4096, size: 69 * 4096).count == 69)
        #expect(window.take(at: 0, size: 61 * 4096).count == 0)
        #expect(window.take(at: 0, size: 60 * 4096).count == 60 && window.freeCount == 0)
        window.give(run)
        #expect(window.take(100) == run)
    }
}
