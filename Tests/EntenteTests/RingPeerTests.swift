import Testing

@testable import Entente
import EntenteTesting

/// Plays one side of a ring, with a whole operation of the other side before each of its accesses in turn.
@Suite struct RingPeerTests {
    private let component = FakeKernel().component("both")

    /// Plays the peer before each access of an operation in turn, each time on a new ring.
    ///
    /// - Returns: the number of accesses.
    private func play(
        _ make: () -> RingSides, peer: @escaping (RingSides) -> Void,
        _ operation: (RingSides, AccessRecorder) throws -> Void
    ) throws -> Int {
        try playingThePeerBeforeEachAccess { step in
            try component.run { () throws in
                _ = Notification.own.poll()
                let sides = make()
                let recorder = sides.recorder(before: step) { peer(sides) }
                try operation(sides, recorder)
                return recorder.peerHasActed
            }
        }
    }

    // MARK: Wake-ups

    @Test func aProducerThatSleepsIsWokenWhenTheConsumerTakes() throws {
        let steps = try play({ RingSides(count: 4) }, peer: { #expect($0.take() == 0) }) { sides, recorder in
            let sleeps = try recorder.run { () throws in try sides.producer.willSleep() }
            let isWoken = Notification.own.poll() == RingSides.producerIsWoken
            #expect(!recorder.peerHasActed || !sleeps || isWoken, "the take before \(recorder.accesses)")
            #expect(recorder.peerHasActed || sleeps)
        }
        #expect(steps >= 4)
    }

    @Test func aConsumerThatSleepsIsWokenWhenTheProducerPuts() throws {
        let put = { (sides: RingSides) in _ = try? sides.producer.put(Point(x: 7)) }
        let steps = try play({ RingSides() }, peer: put) { sides, recorder in
            let sleeps = try recorder.run { () throws in try sides.consumer.willSleep() }
            let isWoken = Notification.own.poll() == RingSides.consumerIsWoken
            #expect(!recorder.peerHasActed || !sleeps || isWoken, "the put before \(recorder.accesses)")
            #expect(recorder.peerHasActed || sleeps)
        }
        #expect(steps >= 4)
    }

    @Test func aPutWakesAConsumerThatFallsAsleepMeanwhile() throws {
        let steps = try play({ RingSides() }, peer: { _ = try? $0.consumer.willSleep() }) { sides, recorder in
            let isPut = try recorder.run { () throws in try sides.producer.put(Point(x: 7)) }
            #expect(isPut)
            let sleeps = sides.block.memory.load(RingLayout.consumerSleeps) != 0
            #expect(!sleeps, "nobody wakes who fell asleep before \(recorder.accesses)")
        }
        #expect(steps >= 7)
    }

    @Test func aTakeWakesAProducerThatFallsAsleepMeanwhile() throws {
        let steps = try play({ RingSides(count: 4) }, peer: { _ = try? $0.producer.willSleep() }) { sides, recorder in
            #expect(recorder.run { sides.take() } == 0)
            let sleeps = sides.block.memory.load(RingLayout.producerSleeps) != 0
            #expect(!sleeps, "nobody wakes who fell asleep before \(recorder.accesses)")
        }
        #expect(steps >= 7)
    }

    // MARK: Elements

    /// The consumer finds either nothing or the whole element.
    @Test func anElementAppearsAtOnce() throws {
        // The ring holds words of an earlier turn, which belong together.
        let make = {
            let sides = RingSides(count: 4)
            for number in 0..<4 as Range<UInt64> { #expect(sides.take() == number) }
            return sides
        }
        final class Found { var number: UInt64? }
        var found = Found()
        let steps = try play(make, peer: { found.number = $0.take() }) { sides, recorder in
            found = Found()
            let isPut = try recorder.run { () throws in try sides.producer.put(Point(x: 70)) }
            #expect(isPut)
            let late = sides.take()
            #expect(found.number == 70 && late == nil || found.number == nil && late == 70)
        }
        #expect(steps >= 7)
    }

    /// The producer finds the ring full until the consumer has copied the oldest element.
    @Test func aPlaceIsFreeOnceItHasBeenCopied() throws {
        let put = { (sides: RingSides) in _ = try? sides.producer.put(Point(x: 70)) }
        let steps = try play({ RingSides(count: 4) }, peer: put) { sides, recorder in
            #expect(recorder.run { sides.take() } == 0)
            for number in 1..<4 as Range<UInt64> { #expect(sides.take() == number) }
        }
        #expect(steps >= 7)
    }

    // MARK: Deaths

    /// The producer publishes nothing if the peer has died before the producer's last look at its life.
    @Test func nothingIsPutForThePeersNextLife() throws {
        let steps = try play({ RingSides() }, peer: { $0.block.countDeath(of: .server) }) { sides, recorder in
            let result = try? recorder.run { () throws in try sides.producer.put(Point(x: 7)) }
            let isTold = sides.block.memory.load(RingLayout.head) == 1
            #expect((result == nil) == !isTold)
            #expect(isTold == recorder.accesses.contains("head = 1 sequentiallyConsistent"))
            // The producer cannot notice a death after that look.
            #expect(isTold == (!recorder.peerHasActed || recorder.accesses.count >= 7))
            if recorder.peerHasActed {
                #expect(throws: RingError.peerGone) { try sides.producer.put(Point(x: 8)) }
                #expect(throws: RingError.peerGone) { try sides.producer.room() }
                #expect(throws: RingError.peerGone) { try sides.producer.willSleep() }
            }
        }
        #expect(steps == 7)
    }

    @Test func nothingIsTakenOfThePeersNextLife() throws {
        let steps = try play({ RingSides(count: 2) }, peer: { $0.block.countDeath(of: .client) }) { sides, recorder in
            let number = recorder.run { sides.take() }
            let isTaken = sides.block.memory.load(RingLayout.tail) == 1
            #expect((number == nil) == !isTaken)
            #expect(isTaken == (!recorder.peerHasActed || recorder.accesses.count >= 7))
            if recorder.peerHasActed {
                #expect(throws: RingError.peerGone) { _ = try sides.consumer.take() }
                #expect(throws: RingError.peerGone) { try sides.consumer.count() }
                #expect(throws: RingError.peerGone) { try sides.consumer.willSleep() }
            }
        }
        #expect(steps == 7)
    }
}
