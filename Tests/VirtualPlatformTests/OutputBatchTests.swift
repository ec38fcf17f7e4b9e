import Testing

@testable import VirtualPlatform

@Suite struct OutputBatchTests {
    private func written(_ count: Int, endsLine: Bool = false, foundNoRoom: Bool = false) -> OutputBatch.Written {
        var written = OutputBatch.Written()
        written.count = count
        written.endsLine = endsLine
        written.foundNoRoom = foundNoRoom
        return written
    }

    @Test func aLineSetsOneDeadlineAndIsToldAtItsEnd() {
        var batch = OutputBatch()
        let duties = (0..<80).map { batch.add(written(1, endsLine: $0 == 79)) }
        #expect(duties.first == .setDeadline)
        #expect(duties[1..<79].allSatisfy { $0 == .none })
        #expect(duties.last == .tell)
        let isDue = batch.deadlinePassed()
        #expect(!isDue)
    }

    @Test func aPromptIsToldAtTheDeadline() {
        var batch = OutputBatch()
        #expect(batch.add(written(1)) == .setDeadline)
        #expect(batch.add(written(1)) == .none)
        let isDue = batch.deadlinePassed()
        #expect(isDue)
        #expect(batch.add(written(1)) == .setDeadline)
    }

    /// The deadline of a line that has ended still serves the next.
    @Test func noByteIsWithoutDeadline() {
        var batch = OutputBatch()
        _ = batch.add(written(1))
        #expect(batch.add(written(1, endsLine: true)) == .tell)
        #expect(batch.add(written(1)) == .none)
        let isDue = batch.deadlinePassed()
        #expect(isDue)
    }

    @Test func muchOutputAndAFullWireAreToldAtOnce() {
        var batch = OutputBatch()
        let duties = (0..<512).map { _ in batch.add(written(1)) }
        #expect(duties.filter { $0 == .tell }.count == 1)
        #expect(duties.last == .tell)
        #expect(batch.add(written(0, foundNoRoom: true)) == .tell)
        #expect(batch.add(written(0)) == .none)
    }
}
