import ABI
import Foundation
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Two cores work at once, repeatedly: one destroys or binds anew the object that the other has looked up.
@Suite struct LookUpRaceTests {
    /// Core 1 waits for the lock, while the object to which it wants to bind something is destroyed.
    @Test func nothingIsBoundInsideOfWhatIsGone() {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        let notification = fixture.create(.notification)
        let part = fixture.create(.region, 1 << 16)
        let victim = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.thread.rawValue), 0, UInt64(victim))
        let other = fixture.makeThread(priority: 10, core: 1)
        let board = fixture.model.cores[0].run { ModelHardware.board }
        // This core has the lock, as in the middle of a revocation.
        let ticket = board.pointee.tickets.increment()
        let frame = other.context
        frame.pointee.frame.x[0] = ABI.Operation.contextControl.rawValue
        frame.pointee.frame.x[1] = Selector(slot: victim, form: ContextControl.bindStopped.rawValue).bits
        frame.pointee.frame.x[2] = UInt64(notification)
        frame.pointee.frame.x[3] = 1
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) let second = fixture.model.cores[1]
        let thread = Thread {
            second.run { K.operate(second.kernelCore, second.kernelCore.pointee.current!) }
            done.signal()
        }
        thread.start()
        while board.pointee.tickets.load() != ticket &+ 2 { sched_yield() }
        fixture.model.cores[0].run {
            try? K.revoke(fixture.core(0), fixture.root, Selector(slot: part, form: RevokeForm.descendants.rawValue))
        }
        #expect(fixture.isEmpty(victim))
        board.pointee.serving.store(ticket &+ 1)
        done.wait()
        #expect(fixture.revoke(part) == .ok)
        let region = fixture.object(part, as: Region.self)
        #expect(region.pointee.next == region.pointee.start)
        let child = fixture.slot(notification).pointee.firstChild
        let isInside =
            child.map { $0.address.value >= region.pointee.start.value && $0.address.value < region.pointee.end.value }
            ?? false
        #expect(!isInside, "the tree leads into memory that is free again")
    }

    @Test func noTimerIsSetWhileItsNotificationIsDestroyed() {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        let part = fixture.create(.region, 1 << 16)
        let victim = fixture.freeSlot()
        let other = fixture.makeThread(priority: 10, core: 1)
        let region = fixture.object(part, as: Region.self)
        nonisolated(unsafe) let second = fixture.model.cores[1]
        nonisolated(unsafe) let context = other.context
        var hits = 0
        let rounds = UInt64(TestLength.count(short: 50, long: 500))
        final class Shared: @unchecked Sendable {
            let go = AtomicWord(0), ready = AtomicWord(0)
        }
        let shared = Shared()
        let thread = Thread {
            second.run {
                for round in 1...rounds {
                    while shared.go.load() < round { sched_yield() }
                    // The thread sets the timer repeatedly, until the capability is gone.
                    for _ in 0..<100_000 {
                        context.pointee.frame.x[0] = ABI.Operation.timer.rawValue
                        context.pointee.frame.x[1] = Selector(slot: victim, form: TimerForm.cancel.rawValue).bits
                        K.operate(second.kernelCore, context)
                        guard context.pointee.frame.x[0] != Status.badCapability.rawValue else { break }
                        context.pointee.frame.x[0] = ABI.Operation.timer.rawValue
                        context.pointee.frame.x[1] = Selector(slot: victim, form: TimerForm.set.rawValue).bits
                        context.pointee.frame.x[2] = 1 << 60
                        context.pointee.frame.x[3] = 1
                        K.operate(second.kernelCore, context)
                        guard context.pointee.frame.x[0] != Status.badCapability.rawValue else { break }
                        while second.takeInterrupt() {}
                    }
                    shared.ready.store(round)
                }
            }
        }
        thread.start()
        for round in 1...rounds {
            fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(victim))
            shared.go.store(round)
            for _ in 0..<Int(round % 64) { sched_yield() }
            while fixture.operate(.revoke, part).status == .again, shared.ready.load() != round { sched_yield() }
            while shared.ready.load() != round { sched_yield() }
            fixture.revoke(part)
            fixture.settle(1)
            if region.pointee.next == region.pointee.start,
                let first = fixture.core(1).pointee.notificationTimers.first,
                first.address.value >= region.pointee.start.value, first.address.value < region.pointee.end.value
            {
                hits += 1
                break
            }
        }
        #expect(hits == 0)
    }

    /// A signal is under way while its notification is bound to a thread of another core.
    @Test func aSignalIsNotLostOverABinding() {
        let fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        let notification = fixture.create(.notification)
        let object = fixture.object(notification, as: KernelCore.Notification.self)
        let sleeper = fixture.makeThread(priority: 10, core: 1)
        fixture.wait(sleeper)
        let binder = fixture.makeThread(priority: 20, core: 1)
        let second = fixture.model.cores[1]
        nonisolated(unsafe) let context = binder.context
        let rounds = UInt64(TestLength.count(short: 1000, long: 20_000))
        final class Shared: @unchecked Sendable {
            let go = AtomicWord(0), ready = AtomicWord(0)
        }
        let shared = Shared()
        let sleeperSlot = UInt64(sleeper.slot)
        let thread = Thread {
            second.run {
                for round in 1...rounds {
                    context.pointee.frame.x[0] = ABI.Operation.notificationBind.rawValue
                    context.pointee.frame.x[1] =
                        Selector(slot: notification, form: NotificationBind.thread.rawValue).bits
                    context.pointee.frame.x[2] = sleeperSlot
                    while shared.go.load() < round { sched_yield() }
                    for _ in 0..<Int(round &* 7 % 97) { _ = shared.go.load() }
                    K.operate(second.kernelCore, context)
                    shared.ready.store(round)
                }
            }
        }
        thread.start()
        var lost = 0
        for round in 1...rounds {
            fixture.succeed(
                .notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(InitialSlot.thread))
            _ = object.pointee.bits.exchange(0)
            shared.go.store(round)
            for _ in 0..<Int(round &* 13 % 211) { _ = shared.ready.load() }
            fixture.model.cores[0].run {
                fixture.root.pointee.frame.x[0] = ABI.Operation.signal.rawValue
                fixture.root.pointee.frame.x[1] = Selector(slot: notification).bits
                fixture.root.pointee.frame.x[2] = 1
                K.operate(fixture.core(0), fixture.root)
            }
            while shared.ready.load() != round { sched_yield() }
            fixture.settle(1)
            if sleeper.state == .waiting {
                lost += 1
            } else {
                second.run {
                    sleeper.context.pointee.state = .waiting
                    K.restOwnTime(second.kernelCore, sleeper.context)
                }
            }
        }
        #expect(lost == 0, "of \(rounds)")
    }

    /// Bits that may be raised in one notification are not raised in another one that takes its place.
    @Test func aBellIsSeenAsAWhole() {
        let fixture = Fixture(cores: 2)
        nonisolated(unsafe) let one = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        nonisolated(unsafe) let other = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        nonisolated(unsafe) let time = fixture.object(
            fixture.makeScheduling(priority: 5, core: 0), as: SchedulingContext.self)
        let isOver = AtomicFlag()
        nonisolated(unsafe) let core = fixture.model.cores[1]
        let thread = Thread {
            core.run {
                while !isOver.word.load().isMultiple(of: 2) {
                    K.hang(time.pointee.overrun, one, 1)
                    K.hang(time.pointee.overrun, other, 0xFF)
                    K.hang(time.pointee.overrun, nil)
                }
            }
            isOver.word.store(3)
        }
        thread.start()
        var seen = (one: 0, other: 0, torn: 0, nothing: 0)
        let looks = TestLength.count(short: 300, long: 2000)
        fixture.model.cores[0].run {
            while seen.one < looks || seen.other < looks {
                guard let told = K.look(time.pointee.overrun) else {
                    seen.nothing += 1
                    // The other thread may have no processor at the moment.
                    if seen.nothing.isMultiple(of: 64) { sched_yield() }
                    continue
                }
                if told.notification == one, told.bits == 1 {
                    seen.one += 1
                } else if told.notification == other, told.bits == 0xFF {
                    seen.other += 1
                } else {
                    seen.torn += 1
                }
            }
        }
        isOver.word.store(2)
        while isOver.word.load() != 3 { sched_yield() }
        #expect(seen.torn == 0)
    }

    private final class AtomicFlag: @unchecked Sendable {
        /// 1 to go on, 2 to end, 3 after the end.
        let word = AtomicWord(1)
    }
}
