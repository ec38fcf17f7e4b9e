import Testing

@testable import KernelCore

/// Interrupts lose their list register while the guest handles them, and the results must not depend on that.
@Suite struct EvictedInterruptTests {
    /// Returns handlers above `number`, each of which interrupts the one before. `number` is the least urgent, and
    /// loses its list register if there are at most four.
    private func nest(above number: Int) -> [InterruptStep] {
        let others = [1, 49, 34, 64].filter { $0 != number }
        return others.enumerated().flatMap { place, other in
            [.setPriority(other, UInt8(0x80 - 0x10 * place)), .pend(other), .acknowledge] as [InterruptStep]
        }
    }

    private func begin(_ number: Int) -> [InterruptStep] {
        switch number {
        case 27: [.setTimer(27, delay: 0), .acknowledge]
        case 33: [.setPriority(33, 0xA0), .setLevel(33, true), .acknowledge]
        default: [.pend(number), .acknowledge]
        }
    }

    private static let whileOutside: [[InterruptStep]] = [
        [], [.pend(0), .pend(33), .pend(48)], [.setLevel(33, false)], [.setLevel(33, false), .setLevel(33, true)],
        [.pend(0), .pend(33), .pend(48), .clearPending(0), .clearPending(33), .clearPending(48)],
        [.enable(0, false), .enable(33, false), .enable(48, false), .pend(48), .pend(0)],
        [.setForwarding(false), .pend(0), .pend(48), .setForwarding(true)],
        [.setActive(0), .setActive(27), .setActive(33), .setActive(48)], [.preempt], [.waitForInterrupt],
        [.stopTimer(27)], [.stopTimer(27), .setTimer(27, delay: 3), .advance(5)], [.advance(7), .preempt],
        [.read(0), .read(1), .preempt, .read(0), .read(1)],
    ]

    /// The interrupt is taken, evicted, changed and ended, and then comes again if it should.
    @Test(arguments: [0, 27, 33, 48], [1, 2, 4])
    func itGoesOnAsIfItHadItsListRegister(number: Int, listRegisters: Int) {
        for (place, events) in Self.whileOutside.enumerated() {
            let controller: InterruptStep.Controller = place & 1 == number & 1 ? .monitor : .remote
            let script: [InterruptStep] =
                begin(number) + nest(above: number) + [.controller(controller)] + events
                + [.end, .end, .end, .end, .end, .acknowledge, .read(0), .read(1), .end, .acknowledge]
            #expect(InterruptRun.difference(script, listRegisters: listRegisters) == nil, "\(script)")
        }
    }

    /// A guest may deactivate an interrupt that it handles by GICD_ICACTIVER.
    @Test(arguments: [0, 27, 33, 48], [1, 2, 4])
    func itCanBeDeactivatedByHand(number: Int, listRegisters: Int) {
        for controller in [.monitor, .exit, .remote] as [InterruptStep.Controller] {
            let again: [InterruptStep] =
                number == 27 ? [.stopTimer(27), .setTimer(27, delay: 5), .advance(9)] : [.pend(number)]
            let script: [InterruptStep] =
                begin(number) + nest(above: number) + [.controller(controller), .clearActive(number)] + again
                + [.end, .end, .end, .end, .acknowledge, .end, .acknowledge]
            #expect(InterruptRun.difference(script, listRegisters: listRegisters) == nil, "\(script)")
        }
    }

    /// The guest ends the interrupt, and the kernel must notice that by itself, because no other entry comes before the
    /// next event, which is another core's.
    @Test(arguments: [0, 48], [1, 2, 4]) func itsEndIsHeard(number: Int, listRegisters: Int) {
        let ended = begin(number) + nest(above: number) + [.end, .end, .end, .end, .end] as [InterruptStep]
        let again = ended + [.pendFromOtherCore(number), .acknowledge]
        #expect(InterruptRun.difference(again, listRegisters: listRegisters) == nil)
        #expect(InterruptRun.difference(ended + [.read(0), .read(1)], listRegisters: listRegisters) == nil)
    }

    /// A timer whose active state was written, over a switch to another virtual CPU.
    @Test(arguments: [27, 30], [1, 4]) func aTimerThatWasSetActiveComesWhenItIsCleared(timer: Int, listRegisters: Int) {
        let script: [InterruptStep] = [
            .setActive(timer), .setTimer(timer, delay: 50), .advance(20), .preempt, .advance(60), .acknowledge,
            .clearActive(timer), .acknowledge, .end,
        ]
        #expect(InterruptRun.difference(script, listRegisters: listRegisters) == nil)
        let twice: [InterruptStep] = [
            .setActive(timer), .preempt, .clearActive(timer), .setTimer(timer, delay: 50), .advance(60), .acknowledge,
        ]
        #expect(InterruptRun.difference(twice, listRegisters: listRegisters) == nil)
    }

    /// With EOImode 1 the end drops the priority. An ended interrupt does not come again before it is deactivated.
    @Test(arguments: [1, 2, 4, 16]) func anEndedInterruptComesAgainOnlyWhenItIsDeactivated(listRegisters: Int) {
        let numbers = [0, 48, 33, 1, 49]
        let taken: [InterruptStep] = numbers.flatMap { [.pend($0), .acknowledge, .end, .pend($0), .acknowledge] }
        let script = [.setSeparatesEnd(true)] + taken + [.deactivate(0), .acknowledge, .preempt, .acknowledge, .end]
        #expect(InterruptRun.difference(script, listRegisters: listRegisters) == nil)
    }

    /// An interrupt that the guest's priority mask holds back waits, also over a switch.
    @Test(arguments: [1, 2, 4, 16]) func maskedInterruptsWait(listRegisters: Int) {
        let numbers = [0, 1, 48, 49, 127]
        let priorities: [InterruptStep] = numbers.enumerated().map { .setPriority($1, UInt8(0x40 + 0x10 * $0)) }
        let masked: [InterruptStep] = [.setMask(0x60)] + numbers.map { .pend($0) }
        let taken: [InterruptStep] = (0..<3).flatMap { _ in [.acknowledge, .end] }
        let script = priorities + masked + taken + [.preempt] + taken + [.setMask(0xFF)] + taken
        #expect(InterruptRun.difference(script, listRegisters: listRegisters) == nil)
    }

    /// Of two active interrupts the less urgent one loses its list register, in any register. A timer loses its own
    /// only if there is no other.
    @Test(arguments: [(48, 48), (27, 49)], [false, true])
    func theLeastUrgentIsMoved(numbers: (first: Int, moved: Int), isFirstListed: Bool) {
        var run = InterruptRun(listRegisters: 2)
        let first: InterruptStep = numbers.first == 27 ? .setTimer(27, delay: 0) : .pend(numbers.first)
        // Interrupt 64 has the first list register until the interrupt that is taken first has the second.
        let isSecond: [InterruptStep] = [.setPriority(64, 0xB0), .pend(64), first, .acknowledge, .enable(64, false)]
        let script: [InterruptStep] =
            (isFirstListed ? [first, .acknowledge] : isSecond)
            + [.setPriority(49, 0x80), .pend(49), .acknowledge, .setPriority(1, 0x40), .pend(1)]
        for step in script { run.play(step) }
        #expect(run.difference == nil && run.activeOutside == [numbers.moved])
    }

    /// A line that has fallen leaves nothing pending, even if another interrupt of its word was latched. Meanwhile the
    /// line's interrupt is moved, removed, or left in its place.
    @Test func aFallenLineIsNotLatchedByItsNeighbour() {
        let both: [InterruptStep] = [.setPriority(48, 0x90), .setLevel(33, true), .pend(48)]
        let end: [InterruptStep] = [.acknowledge, .end, .acknowledge, .end, .acknowledge, .end, .acknowledge, .read(1)]
        let moved = both + [.setPriority(1, 0x40), .pend(1), .setLevel(33, false)] + end
        let takenBack = both + [.enable(33, false), .setLevel(33, false), .enable(33, true)] + end
        for script in [moved, takenBack, both + [.setLevel(33, false)] + end] {
            #expect(InterruptRun.difference(script, listRegisters: 2) == nil, "\(script)")
        }
    }
}
