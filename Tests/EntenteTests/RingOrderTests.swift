import Testing

@testable import Entente
import EntenteTesting

/// The accesses that each operation of a ring makes, their order, and the ordering of each.
///
/// A peer on another core sees them in this order and relies on it.
@Suite struct RingOrderTests {
    private let component = FakeKernel().component("both")

    /// Returns the accesses of an operation.
    ///
    /// - Parameter answer: the expected result of the operation.
    private func accesses<Answer: Equatable>(
        of sides: RingSides, answering answer: Answer, _ body: (RingSides) throws -> Answer
    ) throws -> [String] {
        let recorder = sides.recorder()
        let returned = try component.run { () throws in try recorder.run { () throws in try body(sides) } }
        #expect(returned == answer)
        return recorder.accesses
    }

    private func put(_ sides: RingSides) throws -> Bool { try sides.producer.put(Point(x: 7)) }

    @Test func theWordsAreWrittenBeforeTheHeadAndTheSleeperIsLookedForLast() throws {
        let put = try accesses(of: RingSides(count: 1), answering: true, put)
        #expect(
            put == [
                "server's life relaxed", "tail acquiring", "word 2 = 7 relaxed", "word 3 = \(~UInt64(7)) relaxed",
                "server's life relaxed", "head = 2 sequentiallyConsistent", "consumerSleeps sequentiallyConsistent",
            ])
    }

    @Test func theWordsAreReadBeforeTheTailIsWrittenAndTheSleeperIsLookedForLast() throws {
        let take = try accesses(of: RingSides(count: 2), answering: 0) { $0.take() }
        #expect(
            take == [
                "client's life relaxed", "head acquiring", "word 0 relaxed", "word 1 relaxed", "client's life relaxed",
                "tail = 1 sequentiallyConsistent", "producerSleeps sequentiallyConsistent",
            ])
    }

    @Test func aSideThatIsWokenNoLongerSleeps() throws {
        let sides = RingSides()
        _ = try accesses(of: sides, answering: true) { try $0.consumer.willSleep() }
        let put = try accesses(of: sides, answering: true, put)
        #expect(
            put.suffix(2) == ["consumerSleeps sequentiallyConsistent", "consumerSleeps = 0 sequentiallyConsistent"])
        #expect(component.raised == RingSides.consumerIsWoken)

        let full = RingSides(count: 4)
        _ = try accesses(of: full, answering: true) { try $0.producer.willSleep() }
        let take = try accesses(of: full, answering: 0) { $0.take() }
        #expect(
            take.suffix(2) == ["producerSleeps sequentiallyConsistent", "producerSleeps = 0 sequentiallyConsistent"])
        #expect(component.raised == RingSides.consumerIsWoken.union(RingSides.producerIsWoken))
    }

    @Test func aSideThatCannotGoOnWritesNothing() throws {
        let put = try accesses(of: RingSides(count: 4), answering: false, put)
        #expect(put == ["server's life relaxed", "tail acquiring"])
        let take = try accesses(of: RingSides(), answering: nil) { $0.take() }
        #expect(take == ["client's life relaxed", "head acquiring"])
    }

    @Test func theProducerSaysThatItSleepsBeforeItLooks() throws {
        let look = [
            "server's life relaxed", "producerSleeps = 1 sequentiallyConsistent", "server's life relaxed",
            "tail acquiring",
        ]
        let sleep = try accesses(of: RingSides(count: 4), answering: true) { try $0.producer.willSleep() }
        #expect(sleep == look)
        let stay = try accesses(of: RingSides(count: 3), answering: false) { try $0.producer.willSleep() }
        #expect(stay == look + ["producerSleeps = 0 sequentiallyConsistent"])
    }

    @Test func theConsumerSaysThatItSleepsBeforeItLooks() throws {
        let look = [
            "client's life relaxed", "consumerSleeps = 1 sequentiallyConsistent", "client's life relaxed",
            "head acquiring",
        ]
        let sleep = try accesses(of: RingSides(), answering: true) { try $0.consumer.willSleep() }
        #expect(sleep == look)
        let stay = try accesses(of: RingSides(count: 1), answering: false) { try $0.consumer.willSleep() }
        #expect(stay == look + ["consumerSleeps = 0 sequentiallyConsistent"])
    }

    @Test func aRingBeginsEmptyAndAwake() throws {
        let begin = try accesses(of: RingSides(), answering: true) {
            RingLayout.begin($0.block.memory)
            return true
        }
        #expect(
            begin == ["head", "tail", "consumerSleeps", "producerSleeps"].map { "\($0) = 0 sequentiallyConsistent" })
    }
}
