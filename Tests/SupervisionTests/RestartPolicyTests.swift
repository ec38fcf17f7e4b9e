import ABI
import Testing

@testable import Supervision

@Suite struct RestartPolicyTests {
    private let policy = RestartPolicy(limit: 3, span: 1000, backoff: 10, backoffLimit: 35, onLimit: .stop)

    @Test func eachRestartWaitsTwiceAsLongUpToTheLimit() {
        #expect((0..<5).map { policy.delay(afterRestarts: $0) } == [10, 20, 35, 35, 35])
    }

    @Test func noDelayOverflows() {
        let policy = RestartPolicy(limit: 16, span: 1, backoff: 1 << 62, backoffLimit: .max, onLimit: .stop)
        #expect((0..<4).map { policy.delay(afterRestarts: $0) } == [1 << 62, 1 << 63, .max, .max])
        let none = RestartPolicy(limit: 16, span: 1, backoff: 0, backoffLimit: .max, onLimit: .stop)
        #expect(none.delay(afterRestarts: 16) == 0)
    }

    @Test func theLimitHoldsWithinTheSpan() {
        var history = RestartHistory()
        #expect(history.death(at: 0, policy) == .restart(number: 1, delay: 10))
        #expect(history.death(at: 100, policy) == .restart(number: 2, delay: 20))
        #expect(history.death(at: 200, policy) == .restart(number: 3, delay: 35))
        #expect(history.death(at: 999, policy) == .exhausted)
        #expect(history.death(at: 1000, policy) == .restart(number: 3, delay: 35), "the first counts no longer")
    }

    @Test func aQuietSpanForgetsEverything() {
        var history = RestartHistory()
        for time: UInt64 in [0, 1, 2] { _ = history.death(at: time, policy) }
        #expect(history.death(at: 5000, policy) == .restart(number: 1, delay: 10))
    }

    @Test func aLimitOfZeroNeverRestarts() {
        var history = RestartHistory()
        let never = RestartPolicy(limit: 0, span: 1000, backoff: 10, backoffLimit: 35, onLimit: .stop)
        #expect(history.death(at: 0, never) == .exhausted)
    }

    @Test func limitsBeyondTheHistoryAreCut() {
        let policy = RestartPolicy(limit: 99, span: 1000, backoff: 0, backoffLimit: 0, onLimit: .stop)
        var history = RestartHistory()
        for number in 1...RestartPolicy.maximumLimit {
            #expect(history.death(at: 0, policy) == .restart(number: number, delay: 0))
        }
        #expect(history.death(at: 0, policy) == .exhausted)
    }
}
