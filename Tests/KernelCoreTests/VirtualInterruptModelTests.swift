import TestSupport
import Testing

@testable import KernelCore

/// Compares random scripts with the reference. A failure prints the seed and the shortest script that still fails.
@Suite struct VirtualInterruptModelTests {
    /// The emulator has four list registers; hardware may have 1 to 16.
    @Test(arguments: [false, true], [1, 2, 3, 4, 16])
    func theKernelLooksLikeAnInterruptController(nests: Bool, listRegisters: Int) {
        for seed in TestLength.seeds(short: listRegisters == 4 ? 6 : 3, long: listRegisters == 4 ? 60 : 30) {
            var generator = SeededGenerator(seed: seed)
            let script = InterruptScript.random(length: 250, nests: nests, &generator)
            guard let difference = InterruptRun.difference(script, listRegisters: listRegisters) else { continue }
            let shortest = shrink(script) { InterruptRun.difference($0, listRegisters: listRegisters) != nil }
            let last = InterruptRun.difference(shortest, listRegisters: listRegisters) ?? ""
            Issue.record("seed \(seed), \(listRegisters) list registers: \(difference)\nshortest: \(shortest)\n\(last)")
            return
        }
    }

    /// Two handlers are interrupted, and all list registers were in use when the fifth interrupt came. It must come
    /// before the handlers go on, although two list registers stay in use.
    @Test func handlersDoNotOvertakeAnInterruptThatWaits() {
        let priorities: [InterruptStep] = [
            .setPriority(0, 0x50), .setPriority(1, 0x40), .setPriority(5, 0x20), .setPriority(48, 0x20),
            .setPriority(49, 0x30),
        ]
        let nested: [InterruptStep] = [.pend(0), .acknowledge, .pend(1), .acknowledge, .pend(5), .pend(48), .pend(49)]
        let handled: [InterruptStep] = [.acknowledge, .end, .acknowledge, .end, .acknowledge]
        #expect(InterruptRun.difference(priorities + nested + handled) == nil)
    }

    /// These are more than there are list registers, all of them active, and ended in an order that hardware allows.
    @Test func moreThanFourAtOnceAndAllActive() {
        let numbers = [0, 1, 5, 48, 49, 127]
        let rising: [InterruptStep] = numbers.enumerated().map { .setPriority($1, UInt8(0x80 - 0x10 * $0)) }
        let nested: [InterruptStep] = numbers.flatMap { [.pend($0), .acknowledge] }
        #expect(InterruptRun.difference(numbers.map { .pend($0) } + [.drain]) == nil)
        #expect(InterruptRun.difference(rising + nested + Array(repeating: .end, count: 6) + [.drain]) == nil)
        let four = Array((rising + nested).prefix(6 + 8))
        for order in [[0, 0, 0, 0], [3, 0, 1, 0], [1, 2, 0, 0]] {
            #expect(InterruptRun.difference(four + order.map { .endOther($0) } + nested + [.drain]) == nil)
        }
    }

    @Test func aLevelThatStaysHighComesAgainAndOneThatFellDoesNot() {
        let again: [InterruptStep] = [.setLevel(33, true), .acknowledge, .end, .acknowledge, .end, .acknowledge]
        #expect(InterruptRun.difference(again) == nil)
        let fell: [InterruptStep] = [.setLevel(33, true), .acknowledge, .setLevel(33, false), .end, .acknowledge]
        #expect(InterruptRun.difference(fell) == nil)
        #expect(InterruptRun.difference([.setLevel(33, true), .setLevel(33, false), .acknowledge]) == nil)
        let disabled: [InterruptStep] = [.pend(48), .acknowledge, .pend(48), .enable(48, false), .end, .acknowledge]
        #expect(InterruptRun.difference(disabled + [.enable(48, true), .acknowledge]) == nil)
    }

    /// The reference finds the faults for which it exists.
    @Test func theReferenceNoticesLostInventedAndOvertakenInterrupts() {
        var reference = ReferenceInterruptController()
        reference.isForwarding = true
        #expect(reference.acknowledge(33) != nil)
        reference.lines[33] = .init(isEnabled: true, isHigh: true, priority: 0x40)
        reference.lines[34] = .init(isEnabled: true, isHigh: true, priority: 0x20)
        #expect(reference.acknowledge(1023) != nil)
        #expect(reference.acknowledge(33) != nil)
        #expect(reference.acknowledge(34) == nil)
        #expect(reference.acknowledge(1023) == nil)
    }

    @Test func shrinkingKeepsWhatFails() {
        #expect(shrink(Array(0..<100)) { $0.contains(17) && $0.contains(80) } == [17, 80])
    }
}
