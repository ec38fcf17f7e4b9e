import ABI
import Testing

@testable import VirtualPlatform

@Suite struct LoadingPlanTests {
    private let piece = LoadingPlan.pieceSize

    private let base: UInt64 = 0x4000_0000

    private func plan(_ memory: UInt64, maps: Bool, _ segments: [MemoryRange]) -> LoadingPlan {
        var ranges = InlineArray<8, MemoryRange>(repeating: MemoryRange(base: 0, size: 0))
        for (index, segment) in segments.enumerated() { ranges[index] = segment }
        return LoadingPlan(memory: MemoryRange(base: base, size: memory), maps: maps, segments: ranges)
    }

    private func pieces(clearing: UInt64, maps: Bool = false, _ segments: [MemoryRange]) -> [LoadingPlan.Piece] {
        var plan = plan(clearing, maps: maps, segments)
        var pieces: [LoadingPlan.Piece] = []
        while let next = plan.next() {
            pieces.append(next)
            // A monitor that took the plan for finished here would start the guest too early.
            #expect(!plan.isDone)
        }
        #expect(plan.isDone)
        #expect(plan.next() == nil)
        return pieces
    }

    /// Segments that overwrite no piece of RAM that is cleared.
    private func elsewhere(_ sizes: UInt64...) -> [MemoryRange] { sizes.map { MemoryRange(base: 0, size: $0) } }

    private func segment(at offset: UInt64, _ size: UInt64) -> MemoryRange {
        MemoryRange(base: base &+ offset, size: size)
    }

    @Test func nothingToDo() {
        #expect(pieces(clearing: 0, []) == [])
        #expect(!plan(0, maps: true, []).isDone)
    }

    @Test func clearsBeforeItCopies() {
        #expect(
            pieces(clearing: 2 * piece + 64, elsewhere(0, piece, 0, 128)) == [
                .clear(offset: 0, size: piece), .clear(offset: piece, size: piece),
                .clear(offset: 2 * piece, size: 64), .copy(segment: 1, offset: 0, size: piece),
                .copy(segment: 3, offset: 0, size: 128),
            ])
    }

    @Test func mapsWhatItClears() {
        #expect(
            pieces(clearing: piece + 64, maps: true, elsewhere(128)) == [
                .map(offset: 0, size: piece, clears: true), .map(offset: piece, size: 64, clears: true),
                .copy(segment: 0, offset: 0, size: 128),
            ])
    }

    @Test func mapsWithoutClearingWhatASegmentOverwrites() {
        #expect(
            pieces(clearing: 3 * piece, maps: true, [segment(at: piece, 2 * piece)]) == [
                .map(offset: 0, size: piece, clears: true), .map(offset: piece, size: piece, clears: false),
                .map(offset: 2 * piece, size: piece, clears: false), .copy(segment: 0, offset: 0, size: piece),
                .copy(segment: 0, offset: piece, size: piece),
            ])
    }

    /// RAM has eight pieces or a little less, and segments begin and end at or beside the borders of pieces.
    @Test(arguments: [false, true], 0..<200 as Range<UInt64>) func leavesOutOnlyWhatSegmentsOverwrite(
        maps: Bool, seed: UInt64
    ) {
        var random = SeededGenerator(state: seed)
        let memory = 8 * piece - UInt64.random(in: 0...1, using: &random) * 4096
        let borders = (0...8).flatMap { [$0 * piece, $0 * piece + 64, max($0, 1) * piece - 64] }
        let segments = (0..<Int.random(in: 0...4, using: &random)).map { _ in
            let ends = [borders.randomElement(using: &random)!, borders.randomElement(using: &random)!].sorted()
            return segment(at: ends[0], ends[1] - ends[0])
        }
        var cleared: Set<UInt64> = []
        for next in pieces(clearing: memory, maps: maps, segments) {
            switch next {
            case .clear(let offset, let size), .map(let offset, let size, clears: true):
                #expect(size == min(piece, memory - offset))
                cleared.insert(offset)
            case .map(_, _, clears: false), .copy: break
            }
        }
        for offset in stride(from: 0 as UInt64, to: memory, by: Int(piece)) {
            let (start, end) = (base + offset, base + offset + min(piece, memory - offset))
            let isOverwritten = segments.contains { $0.base <= start && $0.base &+ $0.size >= end }
            // The last piece is small if RAM ends within it, and cleared in any case when nothing is mapped.
            if !isOverwritten { #expect(cleared.contains(offset), "\(offset) of \(memory): \(segments)") }
            if isOverwritten, end == start + piece { #expect(!cleared.contains(offset), "\(offset): \(segments)") }
        }
    }

    @Test(arguments: [0, 64, 1 << 20, 1 << 20 + 64, 5 << 20] as [UInt64], [0, 192, 3 << 20 + 128] as [UInt64])
    func coversAllOnceInBoundedPieces(clearing: UInt64, size: UInt64) {
        var cleared: UInt64 = 0
        var copied = [UInt64](repeating: 0, count: 8)
        for next in pieces(clearing: clearing, Array(repeating: MemoryRange(base: 0, size: size), count: 8)) {
            switch next {
            case .map: Issue.record("nothing is to be mapped")
            case .clear(let offset, let size):
                #expect(offset == cleared && size > 0 && size <= piece)
                cleared += size
            case .copy(let segment, let offset, let size):
                #expect(offset == copied[segment] && size > 0 && size <= piece)
                copied[segment] += size
            }
        }
        #expect(cleared == clearing)
        #expect(copied.allSatisfy { $0 == size })
    }
}
