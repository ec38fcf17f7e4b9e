import Testing

@testable import VirtualPlatform

@Suite struct LoadingPlanTests {
    private let piece = LoadingPlan.pieceSize

    private func pieces(clearing: UInt64, maps: Bool = false, _ segments: [UInt64]) -> [LoadingPlan.Piece] {
        var sizes = InlineArray<8, UInt64>(repeating: 0)
        for (index, size) in segments.enumerated() { sizes[index] = size }
        var plan = LoadingPlan(memory: clearing, maps: maps, segments: sizes)
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

    @Test func nothingToDo() {
        #expect(pieces(clearing: 0, []) == [])
        #expect(!LoadingPlan(memory: 0, maps: true, segments: InlineArray(repeating: 0)).isDone)
    }

    @Test func clearsBeforeItCopies() {
        #expect(
            pieces(clearing: 2 * piece + 64, [0, piece, 0, 128]) == [
                .clear(offset: 0, size: piece), .clear(offset: piece, size: piece),
                .clear(offset: 2 * piece, size: 64), .copy(segment: 1, offset: 0, size: piece),
                .copy(segment: 3, offset: 0, size: 128),
            ])
    }

    @Test func mapsWhatItClears() {
        #expect(
            pieces(clearing: piece + 64, maps: true, [128]) == [
                .map(offset: 0, size: piece), .map(offset: piece, size: 64),
                .copy(segment: 0, offset: 0, size: 128),
            ])
    }

    @Test(arguments: [0, 64, 1 << 20, 1 << 20 + 64, 5 << 20] as [UInt64], [0, 192, 3 << 20 + 128] as [UInt64])
    func coversAllOnceInBoundedPieces(clearing: UInt64, size: UInt64) {
        var cleared: UInt64 = 0
        var copied = [UInt64](repeating: 0, count: 8)
        for next in pieces(clearing: clearing, Array(repeating: size, count: 8)) {
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
