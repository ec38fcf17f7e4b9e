import Testing

@testable import VirtualPlatform

@Suite struct ResetBackoffTests {
    /// Returns a back-off with a clock of one tick per millisecond.
    private func backoff() -> ResetBackoff { ResetBackoff(ticksPerMillisecond: 1) }

    @Test func oneResetWaitsForNothing() {
        var backoff = backoff()
        #expect(backoff.reset(at: 0) == 0)
    }

    /// Each life asks for the next reset as soon as it runs.
    @Test func aLoopWaitsLongerAndLonger() {
        var backoff = backoff()
        var now: UInt64 = 50
        let delays = (0..<40).map { _ in
            let delay = backoff.reset(at: now)
            now += delay + 1
            return delay
        }
        #expect(delays[..<8] == [0, 100, 200, 400, 800, 1600, 3200, 5000])
        #expect(delays[8...].allSatisfy { $0 == 5000 })
    }

    @Test func aLongRunEndsTheBackoff() {
        var backoff = backoff()
        #expect(backoff.reset(at: 0) == 0)
        #expect(backoff.reset(at: 9999) == 100)
        // It started at 10,099.
        #expect(backoff.reset(at: 20_099) == 0)
        #expect(backoff.reset(at: 20_100) == 100)
    }

    /// The time within which a reset has to wait begins when the machine runs again, after a wait of any length. When
    /// it ends, all earlier resets are forgiven together.
    @Test(arguments: 1...9) func aLoopIsForgivenAfterTheSpan(resets: Int) {
        for isForgiven in [false, true] {
            var backoff = backoff()
            var start: UInt64 = 50
            var last: UInt64 = 0
            for _ in 0..<resets {
                last = backoff.reset(at: start)
                start += last
            }
            let delay = backoff.reset(at: start + (isForgiven ? 10_000 : 9999))
            #expect(delay == (isForgiven ? 0 : resets == 1 ? 100 : min(2 * last, 5000)))
            guard isForgiven else { continue }
            #expect(backoff.reset(at: start + 10_001) == 100)
        }
    }

    /// A machine that only resets costs its core the work of this many resets in an hour, at most.
    @Test func inAnHourThereAreFewResets() {
        var backoff = backoff()
        var now: UInt64 = 0
        var resets = 0
        while now < 3_600_000 {
            now += backoff.reset(at: now)
            resets += 1
        }
        #expect(resets <= 6 + 720 + 1)
    }
}
