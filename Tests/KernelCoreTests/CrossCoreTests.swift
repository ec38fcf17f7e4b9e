import ABI
import Foundation
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Operations that cross cores, with a host thread for each core. A lost wake-up shows as a core that never finishes.
///
/// Run it with `--sanitize=thread` to find accesses that nothing orders.
@Suite(.serialized) struct CrossCoreTests {
    private static let rounds = TestLength.count(short: 500, long: 3000)

    /// Puts an operation into a context's registers and performs it.
    private static func operate(
        _ core: ModelCore, _ context: Ref<ExecutionContext>, _ operation: ABI.Operation, _ selector: Selector,
        _ words: UInt64...
    ) {
        context.pointee.frame.x[0] = operation.rawValue
        context.pointee.frame.x[1] = selector.bits
        for (place, word) in words.enumerated() { context.pointee.frame.x[2 + place] = word }
        K.operate(core.kernelCore, context)
    }

    private static func runAll(_ threads: [CoreThread], on fixture: Fixture) {
        for thread in threads { thread.start() }
        for thread in threads where !thread.join() {
            Issue.record("a core waits for ever")
            for other in threads { other.cancel() }
            _ = thread.join()
        }
        fixture.verify()
    }

    /// Two threads on two cores wake each other in turn.
    @Test func signalsBackAndForthWakeEachTime() {
        let fixture = Fixture(cores: 2)
        let players = (0..<2).map { fixture.makeThread(priority: 10, core: $0, notified: true) }
        fixture.sleepRoot()
        let turns = (0..<2).map { _ in Counter() }
        let threads = (0..<2).map { index in
            CoreThread(fixture.model.cores[index], isDone: { turns[index].value >= Self.rounds }) { core, context in
                let other = players[1 - index]
                let heard = context.pointee.frame.x[0] == Status.notified.rawValue && context.pointee.frame.x[1] != 0
                if heard || index == 0 && turns[0].value == 0 && !turns[0].hasBegun {
                    turns[index].begin(heard)
                    Self.operate(core, context, .signal, Selector(slot: other.notification), 1)
                }
                Self.operate(core, context, .replyWait, Selector(slot: 0, form: ReplyForm.wait))
            }
        }
        Self.runAll(threads, on: fixture)
    }

    /// Three cores signal one thread, which gets each bit at least once after the bit's last signal.
    @Test func noBitOfManySignallersIsLost() {
        let fixture = Fixture(cores: 4)
        let listener = fixture.makeThread(priority: 10, core: 0, notified: true)
        let signallers = (1..<4).map { fixture.makeThread(priority: 10, core: $0) }
        // A signaller waits for the listener's acknowledgement before it raises its bit again, so that one lost bit
        // stops it.
        let acknowledged = (0..<3).map { _ in Counter() }
        let sent = (0..<3).map { _ in Counter() }
        fixture.sleepRoot()
        let isDone = { acknowledged.allSatisfy { $0.value >= Self.rounds } }
        var threads = [
            CoreThread(fixture.model.cores[0], isDone: isDone) { core, context in
                if context.pointee.frame.x[0] == Status.notified.rawValue {
                    for place in 0..<3 where context.pointee.frame.x[1] & 1 << UInt64(place) != 0 {
                        acknowledged[place].increment()
                    }
                }
                Self.operate(core, context, .replyWait, Selector(slot: 0, form: ReplyForm.wait))
            }
        ]
        for (place, signaller) in signallers.enumerated() {
            threads.append(
                CoreThread(fixture.model.cores[place + 1], isDone: isDone) { core, context in
                    guard context == signaller.context, sent[place].value == acknowledged[place].value else {
                        sched_yield()
                        return
                    }
                    sent[place].increment()
                    Self.operate(
                        core, context, .signal, Selector(slot: listener.notification), 1 << UInt64(place))
                })
        }
        Self.runAll(threads, on: fixture)
    }

    /// A virtual CPU sleeps and is pended from another core, which waits until the interrupt was taken.
    @Test func interruptsFromAnotherCoreEndTheSleep() {
        let fixture = Fixture(cores: 2)
        let machine = fixture.makeVirtualCPU(priority: 5, core: 0)
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setEdge.rawValue, 1, 0xFF)
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.enable.rawValue, 1, 0xFF)
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        let sink = fixture.create(.notification)
        fixture.succeed(
            .notificationBind, sink, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 33)
        let device = fixture.makeThread(priority: 10, core: 1)
        fixture.sleepRoot()
        let taken = Counter(), sent = Counter()
        let isDone = { taken.value >= Self.rounds }
        Self.runAll(
            [
                CoreThread(fixture.model.cores[0], isDone: isDone) { core, context in
                    let interrupt = core.acknowledge()
                    if interrupt == 33 {
                        core.end(33)
                        taken.increment()
                    }
                    K.waitForInterrupt(core.kernelCore, context)
                },
                CoreThread(fixture.model.cores[1], isDone: isDone) { core, context in
                    guard context == device.context, sent.value == taken.value else {
                        sched_yield()
                        return
                    }
                    sent.increment()
                    Self.operate(core, context, .signal, Selector(slot: sink), 1)
                },
            ], on: fixture)
    }

    /// One core starts a thread of another, which signals back and is stopped.
    @Test func startAndStopRequestsArrive() {
        let fixture = Fixture(cores: 2)
        let worker = fixture.makeThread(priority: 10, core: 0, starts: false)
        let chief = fixture.makeThread(priority: 10, core: 1, notified: true)
        fixture.sleepRoot()
        let rounds = Counter(), isAsked = Counter()
        let isDone = { rounds.value >= Self.rounds }
        Self.runAll(
            [
                CoreThread(fixture.model.cores[0], isDone: isDone) { core, context in
                    if isAsked.value == rounds.value { return }
                    Self.operate(core, context, .signal, Selector(slot: chief.notification), 1)
                    Self.operate(
                        core, context, .contextControl,
                        Selector(slot: worker.slot, form: ContextControl.stop.rawValue))
                },
                CoreThread(fixture.model.cores[1], isDone: isDone) { core, context in
                    if context.pointee.frame.x[0] == Status.notified.rawValue, context.pointee.frame.x[1] != 0 {
                        rounds.increment()
                        context.pointee.frame.x[1] = 0
                    }
                    guard rounds.value == isAsked.value, rounds.value < Self.rounds else {
                        sched_yield()
                        return
                    }
                    isAsked.increment()
                    Self.operate(
                        core, context, .contextControl,
                        Selector(slot: worker.slot, form: ContextControl.start.rawValue))
                    Self.operate(core, context, .replyWait, Selector(slot: 0, form: ReplyForm.wait))
                },
            ], on: fixture)
    }

}
