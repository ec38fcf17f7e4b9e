import Interleaving
import SharedAccess
import Testing

@testable import VirtualPlatform

/// The lock of a machine's state, for which no thread waits, in every interleaving of three threads.
@Suite struct InterleavingRelayLockTests {
    /// Threads that each do a piece of work under the lock. A thread that finds the lock held enlists itself and
    /// sleeps.
    private final class Crew {
        let lock = Holder()
        var holder: Int?
        /// The words that the lock guards, by accesses that nothing else orders.
        let count = SharedUInt64(0)
        var worked: [Int] = []
        var isWoken: [Bool]
        var failures: [String] = []

        final class Holder {
            let lock = RelayLock()
        }

        init(_ count: Int) { isWoken = Array(repeating: false, count: count) }

        func begin() {
            // A schedule that failed may have left the lock held.
            _ = lock.lock.tryAcquire()
            while !lock.lock.release().isNone {}
            holder = nil
            count.store(0, ordering: .relaxed)
            worked = []
            failures = []
            isWoken = isWoken.map { _ in false }
        }

        /// Does this thread's work under the lock, now or after it is woken.
        func work(_ thread: Int) {
            while !lock.lock.tryAcquire() {
                // If the result is false, nobody holds the lock any more, so this thread does.
                guard lock.lock.enlist(.virtualCPU(thread)) else { break }
                guard Interleaving.wait(until: { isWoken[thread] }) else {
                    return failures.append("\(thread) sleeps for ever")
                }
                isWoken[thread] = false
            }
            enter(thread)
            count.store(count.load(ordering: .relaxed) + 1, ordering: .relaxed)
            worked.append(thread)
            release(thread)
        }

        private func enter(_ thread: Int) {
            if let holder { failures.append("\(thread) works beside \(holder)") }
            holder = thread
        }

        private func release(_ thread: Int) {
            while true {
                holder = nil
                let waiters = lock.lock.release()
                if waiters.isNone { return }
                enter(thread)
                for other in isWoken.indices where waiters.contains(virtualCPU: other) { isWoken[other] = true }
            }
        }
    }

    private func explore(_ threads: Int, turns: Int, sourceLocation: SourceLocation = #_sourceLocation) {
        let crew = Crew(threads)
        let scenario = Scenario(
            cores: threads, reset: { crew.begin() },
            body: { thread in for _ in 0..<turns { crew.work(thread) } },
            check: {
                if let failure = crew.failures.first { return failure }
                guard crew.worked.count == threads * turns, crew.count.load(ordering: .relaxed) == threads * turns
                else {
                    return "worked: \(crew.worked), counted: \(crew.count.load(ordering: .relaxed))"
                }
                guard crew.lock.lock.tryAcquire() else { return "the lock is held" }
                return crew.lock.lock.release().isNone ? nil : "waiters are left"
            })
        let extent =
            Extent.isFull
            ? Extent(deviations: 3, schedules: 40_000, random: 4000)
            : Extent(deviations: 3, schedules: 500, random: 400)
        let result = scenario.explore(extent)
        if let failure = result.failure { Issue.record("\(failure)", sourceLocation: sourceLocation) }
        if Extent.isReported {
            print("interleavings: \(sourceLocation.fileName):\(sourceLocation.line)", result.summary)
        }
    }

    @Test func twoThreadsWorkOneAtATimeAndBothTwice() { explore(2, turns: 2) }
    @Test func threeThreadsWorkOneAtATimeAndAllDo() { explore(3, turns: 1) }

    // MARK: A holder that finds waiters

    /// A lock that thread 0 holds, and for which a waiter has left its bit.
    private final class Held {
        let lock = Crew.Holder()
        /// The words that waiters have written before they left their bits.
        let words = [Word(), Word()]
        var woken: [Bool] = []
        final class Word {
            let value = SharedUInt64(0)
        }
        var failures: [String] = []

        func begin() {
            _ = lock.lock.tryAcquire()
            while !lock.lock.release().isNone {}
            _ = lock.lock.tryAcquire()
            _ = lock.lock.enlist(.virtualCPU(7))
            for word in words { word.value.store(0, ordering: .relaxed) }
            woken = [false, false]
            failures = []
        }

        func release() {
            while true {
                let waiters = lock.lock.release()
                if waiters.isNone { return }
                for number in 0..<2 where waiters.contains(virtualCPU: number) {
                    if words[number].value.load(ordering: .relaxed) != 1 {
                        failures.append("what \(number) wrote is not seen")
                    }
                    woken[number] = true
                }
            }
        }

        /// Works if the lock is free, and otherwise leaves a bit.
        func visit(_ number: Int) {
            words[number].value.store(1, ordering: .relaxed)
            if !lock.lock.tryAcquire(), lock.lock.enlist(.virtualCPU(number)) { return }
            woken[number] = true
            release()
        }
    }

    /// While a holder looks for waiters, another thread takes the lock and them, and a third one leaves its bit. No
    /// thread is left behind, and the thread that takes the waiters' bits sees their writes.
    @Test func aLateWaiterIsWoken() {
        let held = Held()
        let scenario = Scenario(
            cores: 3, reset: { held.begin() },
            body: { thread in if thread == 0 { held.release() } else { held.visit(thread - 1) } },
            check: {
                if let failure = held.failures.first { return failure }
                return held.woken == [true, true] ? nil : "woken: \(held.woken)"
            })
        let result = scenario.explore(Extent(deviations: 2, schedules: 2000, random: Extent.isFull ? 4000 : 100))
        if let failure = result.failure { Issue.record("\(failure)") }
        if Extent.isReported { print("interleavings:", result.summary) }
    }
}
