import Foundation
import Synchronization
import TestSupport
import Testing

@testable import VirtualPlatform

/// A reference to a lock, because `#expect` copies its operands.
private final class CopyableLock: Sendable {
    private let lock = RelayLock()
    func tryAcquire() -> Bool { lock.tryAcquire() }
    func release() -> Waiters { lock.release() }
    func enlist(_ waiters: Waiters) -> Bool { lock.enlist(waiters) }
}

@Suite struct RelayLockTests {
    @Test func onlyOneHoldsIt() {
        let lock = CopyableLock()
        #expect(lock.tryAcquire())
        #expect(!lock.tryAcquire())
        #expect(lock.release().isNone)
        #expect(lock.tryAcquire())
    }

    @Test func theHolderHearsOfEachWaiterOnceAndStillHolds() {
        let lock = CopyableLock()
        #expect(lock.tryAcquire())
        #expect(lock.enlist(.virtualCPU(1)))
        #expect(lock.enlist(.virtualCPU(1)))
        #expect(lock.enlist(.virtualCPU(3)))
        #expect(lock.enlist(.notification(5)))
        let waiters = lock.release()
        #expect((0..<8).filter(waiters.contains(virtualCPU:)) == [1, 3])
        #expect(waiters.notificationBits == 5)
        #expect(!lock.tryAcquire())
        #expect(lock.enlist(.virtualCPU(0)))
        #expect(lock.release() == .virtualCPU(0))
        #expect(lock.release().isNone)
        #expect(lock.tryAcquire())
    }

    /// The lock became free between the waiter's last look and its enlisting, so nobody else would wake the waiter.
    @Test func aWaiterWithoutHolderGetsTheLock() {
        let lock = CopyableLock()
        #expect(!lock.enlist(.virtualCPU(1)))
        #expect(!lock.tryAcquire())
        #expect(lock.release() == .virtualCPU(1))
        #expect(lock.release().isNone)
    }

    @Test func waitersAreDistinct() {
        let all: [Waiters] = (0..<8).map(Waiters.virtualCPU) + (0..<3).map { .notification(1 << $0) }
        for first in all.indices {
            for second in all.indices where first != second { #expect(all[first].word & all[second].word == 0) }
        }
        #expect(all.allSatisfy { !$0.isNone })
    }

    /// Threads never wait. Each works when it gets the lock, and otherwise enlists itself and sleeps until it is woken.
    /// No wake-up is lost, and no two threads work at once.
    @Test func noWakeUpIsLost() async {
        let shared = Shared()
        let turns = TestLength.count(short: 2000, long: 20_000)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        Thread.detachNewThread {
                            for _ in 0..<turns { shared.turn(of: number) }
                            continuation.resume()
                        }
                    }
                }
            }
        }
        #expect(shared.count.load(ordering: .relaxed) == 4 * turns)
        #expect(shared.collisions.load(ordering: .relaxed) == 0)
        #expect(shared.lock.tryAcquire())
    }

    private final class Shared: Sendable {
        let lock = CopyableLock()
        let count = Atomic<Int>(0)
        let collisions = Atomic<Int>(0)
        let inside = Atomic<Int>(0)
        let bells = (0..<4).map { _ in DispatchSemaphore(value: 0) }

        func turn(of number: Int) {
            while !lock.tryAcquire() {
                // The thread keeps nothing while the bit is left behind, as in a monitor.
                if !lock.enlist(.virtualCPU(number)) { release() }
                bells[number].wait()
            }
            if inside.wrappingAdd(1, ordering: .relaxed).newValue != 1 {
                collisions.wrappingAdd(1, ordering: .relaxed)
            }
            count.wrappingAdd(1, ordering: .relaxed)
            inside.wrappingSubtract(1, ordering: .relaxed)
            release()
        }

        private func release() {
            var waiters = lock.release()
            while !waiters.isNone {
                for number in 0..<4 where waiters.contains(virtualCPU: number) { bells[number].signal() }
                waiters = lock.release()
            }
        }
    }
}
