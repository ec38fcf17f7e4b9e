import Testing

@testable import Workshop

@Suite struct NeighbourTests {
    @Test func timesAreReadFromALine() throws {
        let line = "[   12.5] victim: neighbour: median 20000000 mean 21000000 longest 60000000"
        let times = try #require(NeighbourCase.Times(line: line))
        #expect(times.median == 2e7 && times.mean == 2.1e7 && times.longest == 6e7)
        #expect(NeighbourCase.Times(line: "victim: neighbour: begin") == nil)
    }
}
