import ABI
import Testing

@_spi(Kernel) @testable import Entente

/// Each typed function makes its request to the kernel, and its result from the kernel's answer.
@Suite struct KernelRequestTests {
    private typealias Request = ScriptedKernel.Request
    private let kernel = ScriptedKernel()
    private let first = InitialSlot.firstReceived

    @Test func eachFormAsksForItsOperation() {
        kernel.run(Array(repeating: answer(.noRights, tag: 77, 1, 2, 3), count: 20)) {
            #expect(signal(7) == .noRights && signal(7, bits: 6) == .noRights)
            #expect(poll(7) == 77)
            #expect(call(8, Words(1, 2, 3, 4, 5, 6)).tag == 77)
            #expect(replyWait(3, Words(9)).words.w2 == 3)
            #expect(virtualInterrupt(20, .setLevel, 40, 1).has(.noRights))
            #expect(contextControl(21, .start, Words(5)).has(.noRights))
            #expect(writeRegisters(22, first: 3, count: 4, 10, 11, 12, 13) == .noRights)
            #expect(readRegister(22, 5) == 3)
            #expect(setTimer(4, deadline: 99, bits: 8) == .noRights)
            Entente.yield()
            #expect(Events.abortCalls(on: Events(bits: 6)) == .noRights)
            #expect(Notification(slot: 12).raise(Events(bits: 10)) == .noRights)
            #expect(Notification.own.poll() == Events(bits: 77))
        }
        #expect(
            kernel.asked == [
                Request(.signal, 7, 0, [1]), Request(.signal, 7, 0, [6]), Request(.poll, 7),
                Request(.call, 8, 0, [1, 2, 3, 4, 5, 6]), Request(.replyWait, 0, 3, [9]),
                Request(.interruptControl, 20, VirtualInterruptControl.setLevel.rawValue, [40, 1]),
                Request(.contextControl, 21, ContextControl.start.rawValue, [5]),
                Request(.contextState, 22, ContextState.write.rawValue, [3, 4, 10, 11, 12, 13]),
                Request(.contextState, 22, ContextState.read.rawValue, [5, 1]),
                Request(.timer, 4, TimerForm.set.rawValue, [99, 8]),
                Request(.scheduleControl, 0, ScheduleControl.yield.rawValue),
                Request(.contextControl, InitialSlot.thread, ContextControl.setAbortMask.rawValue, [6]),
                Request(.signal, 12, 0, [10]), Request(.poll, InitialSlot.notification),
            ])
    }

    @Test func eventsAreThoseOfANotification() {
        for (given, bits) in [
            (answer(.notified, tag: 6), 6), (answer(.ok, tag: 6), 0), (answer(.badState, tag: 6), 0),
        ] as [(Answer, UInt64)] {
            kernel.run([given]) { #expect(Events.wait() == Events(bits: bits)) }
            #expect(kernel.asked == [Request(.replyWait, 0, ReplyForm.wait)])
        }
    }

    @Test func eventsAreBits() {
        let both = Events(bits: 5).union(Events(bits: 6))
        #expect(both == Events(bits: 7) && both.contains(Events(bits: 4)) && !both.contains(Events(bits: 8)))
        #expect(Events(bits: 4).contains(both) && !Events(bits: 0).contains(both), "one of several is enough")
        let one = Notification(slot: 9).capability(raising: .number(3))
        #expect(one == Capability(slot: 9, rights: .write, badge: 8), "a peer may raise these, and do nothing else")
        for number in 0..<64 as Range<UInt64> { #expect(Events.number(number).bits == 1 << number) }
    }

    @Test func anUnfinishedOperationIsRepeated() {
        kernel.run([answer(.again), answer(.again), answer(.noRights), answer(.ok)]) {
            #expect(revoke(30, .descendants) == .noRights)
        }
        #expect(kernel.asked == Array(repeating: Request(.revoke, 30, RevokeForm.descendants.rawValue), count: 3))
    }

    /// The parts of `x0` beside the status.
    @Test func anAnswersPartsAreApart() {
        let all = answer(.badCapability, capabilities: 3, count: 127)
        #expect(all.status == .badCapability && !all.has(.badCapability) && !all.hasLease)
        #expect(all.arrivedWords == 127 && all.arrivedCapabilities == 3)
        for bit in [15, 19, 40] as [UInt64] {
            let other = Answer(rawStatus: 1 << bit)
            #expect(other.status == .ok && !other.has(.ok) && !other.hasLease)
            #expect(other.arrivedWords == 0 && other.arrivedCapabilities == 0)
        }
        let lease = Answer(rawStatus: ArrivalBits.lease)
        #expect(lease.hasLease && lease.arrivedWords == 0 && lease.arrivedCapabilities == 0)
        #expect(Answer(rawStatus: 200).status == .unsupported && Answer(rawStatus: 1).has(.notified))
    }

    // MARK: Received slots

    /// A slot is free again after it was emptied, but not if the kernel refused to empty it.
    @Test func aSlotStaysInUseUntilItIsEmpty() {
        let ends: [(Status, Bool)] = [
            (.ok, true), (.badCapability, true), (.notified, false), (.unsupported, false), (.noRights, false),
            (.badArgument, false), (.badState, false), (.dead, false),
        ]
        for (status, isFree) in ends {
            kernel.run([answer(.again), answer(.again), answer(status)]) {
                MessageMemory.current.usedSlots = 0b101
                ReceivedSlots.release(first + 2)
                #expect(MessageMemory.current.usedSlots == (isFree ? 0b001 : 0b101), "\(status)")
            }
            #expect(kernel.asked == Array(repeating: Request(.revoke, first + 2, RevokeForm.delete.rawValue), count: 3))
        }
        kernel.run([]) { ReceivedSlots.release(first - 1) }
        #expect(kernel.asked.isEmpty)
    }

    // MARK: Time

    @Test func anIntervalIsRoundedUp() {
        kernel.run([]) {
            for (frequency, nanoseconds, ticks) in [
                (3, 0, 0), (3, 1, 1), (3, 333_333_333, 1), (3, 333_333_334, 2), (3, 999_999_999, 3),
                (3, 1_000_000_000, 3), (3, 1_000_000_001, 4), (3, 2_500_000_000, 8), (62_500_000, 16, 1),
                (62_500_000, 17, 2), (62_500_000, 1_000_000_016, 62_500_001), (1_000_000_000, 12_345, 12_345),
            ] as [(UInt64, UInt64, UInt64)] {
                kernel.counterFrequency = frequency
                #expect(Interval(nanoseconds: nanoseconds).ticks == ticks, "\(nanoseconds) ns at \(frequency) Hz")
            }
        }
        #expect(Interval.microseconds(7).nanoseconds == 7_000 && Interval.seconds(7).nanoseconds == 7_000_000_000)
        let most = UInt64.max / 1_000_000
        #expect(Interval.milliseconds(most).nanoseconds == most * 1_000_000)
        #expect(Interval.milliseconds(most + 1).nanoseconds == .max)
    }

    @Test func momentsEndWithTheLast() {
        kernel.run([]) {
            let second = Interval.seconds(1)
            #expect(Instant(ticks: 7) + second == Instant(ticks: 10))
            #expect(Instant(ticks: .max - 3) + second == Instant(ticks: .max))
            #expect(Instant(ticks: .max - 2) + second == Instant(ticks: .max))
            #expect(Instant(ticks: 1) < Instant(ticks: 2) && !(Instant(ticks: 2) < Instant(ticks: 2)))
            kernel.counter = 55
            #expect(Instant.now == Instant(ticks: 55))
        }
    }

    @Test func anAlarmIsItsNotificationsDeadline() {
        kernel.counter = 100
        kernel.run([answer(.ok), answer(.noRights), answer(.badCapability), answer(.ok)]) {
            let alarm = Alarm(raising: .number(4))
            #expect(alarm.set(at: Instant(ticks: 9)) == .ok)
            #expect(alarm.set(after: .seconds(2)) == .noRights)
            #expect(Alarm(raising: Events(bits: 5), in: Notification(slot: 40)).cancel() == .badCapability)
            #expect(alarm.cancel() == .ok)
        }
        #expect(
            kernel.asked == [
                Request(.timer, InitialSlot.notification, TimerForm.set.rawValue, [9, 16]),
                Request(.timer, InitialSlot.notification, TimerForm.set.rawValue, [106, 16]),
                Request(.timer, 40, TimerForm.cancel.rawValue),
                Request(.timer, InitialSlot.notification, TimerForm.cancel.rawValue),
            ])
    }
}
