import BlockStorage
import Testing

struct LineLimitTests {
    @Test func aPartyHasSoManyLinesInASecond() {
        var limit = LineLimit(perSecond: 2, parties: 1)
        #expect((0..<5).map { _ in limit.admit(party: 0, second: 7) } == [0, 0, nil, nil, nil])
        #expect((0..<3).map { _ in limit.admit(party: 0, second: 8) } == [3, 0, nil])
        #expect(limit.admit(party: 0, second: 9) == 1)
    }

    /// A client whose requests fail all the time once hid the failures of the others.
    @Test func aPartyHidesNobodyElsesLines() {
        var limit = LineLimit(perSecond: 2, parties: 3)
        for _ in 0..<10 { _ = limit.admit(party: 0, second: 1) }
        #expect(limit.admit(party: 2, second: 1) == 0)
        #expect(limit.admit(party: 1, second: 1) == 0)
        #expect(limit.admit(party: 0, second: 2) == 8)
    }

    @Test func anUnknownPartyHasNoLines() {
        var limit = LineLimit(perSecond: 2, parties: 1)
        #expect(limit.admit(party: 1, second: 1) == nil && limit.admit(party: -1, second: 1) == nil)
    }
}
