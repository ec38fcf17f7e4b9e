import Testing

@testable import Workshop

@Suite struct CrossingPointTests {
    @Test func findsTheSmallestBatchThatStaysCheaper() {
        #expect(CrossingPoint.batch([1: 9, 2: 6, 4: 4, 8: 3], below: 5) == 4)
        #expect(CrossingPoint.batch([1: 9, 2: 6, 4: 4, 8: 3], below: 10) == 1)
        #expect(CrossingPoint.batch([1: 9, 2: 3, 4: 6, 8: 3], below: 5) == 8)
    }

    @Test func findsNoBatchIfTheLargestIsNotCheaper() {
        #expect(CrossingPoint.batch([1: 9, 2: 3, 4: 5], below: 5) == nil)
        #expect(CrossingPoint.batch([:], below: 5) == nil)
    }

    @Test func findsTheShareOfHits() {
        #expect(CrossingPoint.hits(hit: 10, miss: 110, constant: 60) == 0.5)
        #expect(CrossingPoint.hits(hit: 10, miss: 110, constant: 35) == 0.75)
    }

    @Test func findsNoShareIfOneSideAlwaysWins() {
        #expect(CrossingPoint.hits(hit: 10, miss: 110, constant: 10) == nil)
        #expect(CrossingPoint.hits(hit: 10, miss: 110, constant: 110) == nil)
        #expect(CrossingPoint.hits(hit: 10, miss: 20, constant: 30) == nil)
    }
}
