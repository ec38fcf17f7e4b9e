import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The choice of interrupts that get or lose list registers, and the conditions for maintenance interrupts.
@Suite struct ListRegisterTests {
    private let fixture: Fixture
    /// The machine on core 0.
    private let machine: Tenant
    /// The thread on core 1.
    private let remote: Tenant
    private var core: ModelCore { fixture.model.cores[0] }
    private var guest: Ref<VirtualCPU> { machine.guest }

    init() { self.init(listRegisters: 4) }

    /// Interrupts below 64 are edges, the others levels.
    private init(listRegisters: Int) {
        fixture = Fixture(cores: 2, listRegisters: listRegisters)
        fixture.checksInvariants = false
        remote = fixture.makeThread(priority: 10, core: 1)
        machine = fixture.makeVirtualCPU(priority: 5)
        fixture.sleepRoot()
        for word in 0..<4 as Range<UInt64> {
            tell(.enable, word, 0xFFFF_FFFF)
            tell(.setEdge, word, word < 2 ? 0xFFFF_FFFF : 0)
        }
        for number in 0..<128 as Range<UInt64> { tell(.setPriority, number, 0x80) }
        tell(.setForwarding, 0, 1)
        fixture.settleAll()
    }

    /// Makes a change by the other core. The virtual CPU's core does not look yet.
    private func tell(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: remote.context)
    }
    private func bit(_ number: UInt64) -> UInt64 { 1 << (number & 31) }
    private func tell(_ form: VirtualInterruptControl, of number: UInt64) { tell(form, number >> 5, bit(number)) }
    /// Makes each interrupt pending, and lets the virtual CPU's core look in between.
    private func pend(_ numbers: UInt64...) {
        for number in numbers {
            tell(.setPending, of: number)
            look()
        }
    }
    private func look() {
        fixture.model.advance(by: 1000)
        fixture.settleAll()
    }
    /// The interrupts by number of the list register.
    private var listed: [UInt32?] {
        core.run { (0..<ModelHardware.listRegisterCount).map { ModelHardware.listRegister($0) } }
            .map { $0.isFree ? nil : $0.interrupt }
    }
    private var activeOutside: [UInt64] { (0..<4).map { guest.pointee.active[$0].load() } }
    private func words(_ word: UInt64) -> [UInt64] {
        let form = VirtualInterruptControl.readWord.rawValue
        return fixture.succeed(.interruptControl, machine.slot, form: form, word, by: remote.context).words
    }

    // MARK: Placing

    /// A look is bounded by the number of list registers of most hardware. The remaining interrupts come when those are
    /// taken.
    @Test func oneLookPlacesEight() {
        let tests = ListRegisterTests(listRegisters: 16)
        tests.tell(.setForwarding, 0, 0)
        tests.look()
        tests.tell(.setPending, 1, 0xFFF)
        tests.tell(.setForwarding, 0, 1)
        tests.look()
        #expect(tests.listed.compactMap { $0 } == Array(32..<40))
        for number in 32..<44 as Range<UInt32> {
            #expect(tests.core.acknowledge() == number)
            tests.core.end(number)
            tests.look()
        }
        #expect(tests.core.acknowledge() == 1023)
    }

    /// A pending interrupt keeps its place while others come, unless a more urgent one has no other.
    @Test func aPendingInterruptKeepsItsListRegister() {
        pend(41, 40, 33)
        #expect(listed == [41, 40, 33, nil])
        tell(.setPriority, 42, 0x88)
        pend(43, 42)
        #expect(listed == [41, 40, 33, 43])
        // Interrupts of the same priority do not displace it.
        pend(32)
        #expect(listed == [41, 40, 33, 43])
        // The same holds for levels.
        let levels = ListRegisterTests()
        for number in [71, 70] as [UInt64] {
            levels.tell(.setLevel, number, 1)
            levels.look()
        }
        levels.tell(.disable, of: 77)
        levels.look()
        #expect(levels.listed == [71, 70, nil, nil])
        tell(.setPriority, 34, 0x78)
        pend(34)
        #expect(listed.contains(34) && listed.count { [41, 40, 33, 43].contains($0) } == 3)
    }

    /// A free list register says nothing about an interrupt in another one.
    @Test func aFreeListRegisterIsNobodys() {
        pend(40, 0)
        #expect(core.acknowledge() == 40)
        core.end(40)
        for word in [1, 2] as [UInt64] {
            tell(.disable, of: 32 * word)
            tell(.setPending, of: 32 * word + 1)
            look()
            #expect(guest.pointee.listed[0] == 1 && listed.contains(0))
        }
    }

    /// An interrupt that has lost its list register to a more urgent one comes after that one.
    @Test func aPendingInterruptThatWasMovedComesNext() {
        let tests = ListRegisterTests(listRegisters: 1)
        tests.tell(.setPriority, 40, 0x90)
        tests.pend(40, 41)
        #expect(tests.core.acknowledge() == 41)
        tests.fixture.settle(0)
        tests.core.end(41)
        tests.fixture.settle(0)
        #expect(tests.core.acknowledge() == 40)
    }

    /// A monitor may write a priority that a guest cannot.
    @Test func evenTheLeastUrgentPriorityHasAListRegister() {
        tell(.setPriority, 40, 0xFF)
        pend(40)
        #expect(listed == [40, nil, nil, nil])
    }

    /// A timer whose line is low again is not placed, and does not keep out those behind it.
    @Test(arguments: [27, 30] as [UInt64]) func aTimerThatFellKeepsNobodyOut(timer: UInt64) {
        tell(.setPriority, timer, 0)
        tell(.setPriority, 40, 0x10)
        tell(.disable, of: timer)
        core.setTimer(UInt32(timer), fixture.model.now)
        look()
        core.setTimer(UInt32(timer), .never)
        pend(50)
        tell(.setPending, of: 40)
        tell(.enable, of: timer)
        look()
        #expect(core.acknowledge() == 40)
    }

    /// A level-sensitive interrupt that becomes edge-triggered is no longer pending for its line.
    @Test func aLineThatBecomesAnEdgeIsTakenBack() {
        tell(.setLevel, 70, 1)
        look()
        #expect(listed == [70, nil, nil, nil])
        tell(.setEdge, 2, bit(70))
        look()
        #expect(listed == [nil, nil, nil, nil] && core.acknowledge() == 1023)
    }

    // MARK: Loss of a list register

    private struct Entry {
        var number: UInt32
        var priority: UInt8
        var isActive: Bool
        var isTimer: Bool { [27, 30].contains(number) }
    }

    /// Returns the entry that an interrupt of a priority may replace.
    private static func victim(_ entries: [Entry], below priority: UInt8) -> UInt32? {
        let pending = entries.filter { !$0.isActive && $0.priority > priority }
        if !pending.isEmpty { return pending.max { $0.priority < $1.priority }!.number }
        guard entries.allSatisfy(\.isActive) else { return nil }
        let others = entries.contains { !$0.isTimer } ? entries.filter { !$0.isTimer } : entries
        return others.max { $0.priority < $1.priority }!.number
    }

    /// Puts the entries into the list registers directly.
    private func list(_ entries: [Entry]) {
        core.run {
            for (index, entry) in entries.enumerated() {
                let word = Int(entry.number >> 5), bit = bit(UInt64(entry.number))
                var register = ListRegister(
                    pending: entry.number, priority: entry.priority, hardware: entry.isTimer, signalsEnd: false)
                if entry.isActive { register.bits ^= ListRegister.pendingBit | ListRegister.activeBit }
                ModelHardware.setListRegister(index, register)
                guest.pointee.priority[Int(entry.number)] = entry.priority
                guest.pointee.listed[word] |= bit
                guest.pointee.latched[word] |= bit
                guest.pointee.usedListRegisters[0] |= 1 << UInt64(index)
            }
        }
    }

    private func clear() {
        core.run {
            K.forgetInterrupts(guest)
            for index in 0..<ModelHardware.listRegisterCount { ModelHardware.setListRegister(index, .empty) }
            for word in 0..<4 { guest.pointee.enabled[word].store(0xFFFF_FFFF) }
            for word in 0..<2 { guest.pointee.edge[word].store(0xFFFF_FFFF) }
            guest.pointee.forwarding.store(1)
        }
    }

    /// The arguments are every choice of timers, states and priorities of all list registers, and every priority of a
    /// new one.
    @Test(arguments: [1, 2, 3]) func theLeastUrgentLosesItsListRegister(listRegisters: Int) {
        let tests = ListRegisterTests(listRegisters: listRegisters)
        let timers: [UInt32] = [27, 30]
        for number in timers { tests.core.setTimer(number, tests.fixture.model.now) }
        let orders: [[UInt8]] = [
            [0, 0x60, 0xA0], [0, 0xA0, 0x60], [0x60, 0, 0xA0], [0x60, 0xA0, 0], [0xA0, 0, 0x60], [0xA0, 0x60, 0],
        ]
        var failures: [String] = []
        for kinds in 0..<(1 << listRegisters) where kinds.nonzeroBitCount <= 2 {
            for states in 0..<(1 << listRegisters) {
                for priorities in orders {
                    var free = timers
                    let entries = (0..<listRegisters).map { place in
                        Entry(
                            number: kinds >> place & 1 != 0 ? free.removeFirst() : UInt32(32 + place),
                            priority: priorities[place], isActive: states >> place & 1 != 0)
                    }
                    for urgency in [0, 0x40, 0x60, 0xC0] as [UInt8] {
                        tests.clear()
                        tests.list(entries)
                        tests.guest.pointee.priority[50] = urgency
                        tests.guest.pointee.pending[1].set(1 << 18)
                        tests.core.run { K.synchronise(tests.guest) }
                        let victim = Self.victim(entries, below: urgency)
                        let wanted = entries.map { $0.number == victim ? 50 : $0.number }
                        if tests.listed != wanted { failures.append("\(entries), \(urgency): \(tests.listed)") }
                    }
                }
            }
        }
        #expect(failures.isEmpty, "\(failures.prefix(3))")
    }

    // MARK: Active without a list register

    /// The kernel learns of several ends at once.
    @Test func everyLostEndCounts() {
        let tests = ListRegisterTests(listRegisters: 1)
        for (place, number) in [40, 41, 42, 43].enumerated() as EnumeratedSequence<[UInt64]> {
            tests.tell(.setPriority, number, UInt64(0x80 - 0x10 * place))
            tests.pend(number)
            #expect(tests.core.acknowledge() == UInt32(number))
            tests.look()
        }
        #expect(tests.activeOutside == [0, 0x700, 0, 0])
        for number in [43, 42, 41, 40] as [UInt32] { tests.core.end(number) }
        tests.look()
        #expect(tests.activeOutside == [0, 0, 0, 0])
        #expect(tests.words(1)[2] == 0)
    }

    /// A virtual interrupt differs from the physical one of that number, which may be active for another tenant.
    @Test func onlyATimersPhysicalInterruptIsDeactivated() {
        let tests = ListRegisterTests(listRegisters: 1)
        tests.core.run { ModelHardware.setActive(5) }
        tests.pend(5)
        #expect(tests.core.acknowledge() == 5)
        tests.tell(.setPriority, 40, 0x10)
        tests.pend(40)
        #expect(tests.activeOutside[0] == 1 << 5)
        #expect(tests.core.isActive(5))
    }

    // MARK: Interrupts of the core

    /// The guest takes and ends interrupts without a kernel entry while nothing waits for a list register.
    @Test func nothingIsAskedForWhereNothingWaits() {
        // A software-generated interrupt is an edge, for any value of its trigger.
        tell(.setEdge, 0, 0)
        look()
        for numbers in [[40], [40, 41], [3], [40, 41, 42, 43]] as [[UInt64]] {
            for number in numbers { tell(.setPending, of: number) }
            look()
            for _ in numbers {
                let taken = core.acknowledge()
                #expect(taken != 1023 && core.pendingInterrupt == nil, "\(numbers)")
                core.end(taken)
                #expect(core.pendingInterrupt == nil, "\(numbers)")
            }
        }
        // The end of an interrupt that was not active brings no maintenance interrupt either.
        core.end(50)
        #expect(core.pendingInterrupt == nil)
        #expect(activeOutside == [0, 0, 0, 0])
    }

    /// An interrupt that is disabled while it is handled waits, so that its end changes nothing.
    @Test func theEndOfADisabledInterruptIsNotAskedFor() {
        pend(40)
        #expect(core.acknowledge() == 40)
        tell(.disable, of: 40)
        pend(40)
        core.end(40)
        #expect(core.pendingInterrupt == nil)
        tell(.enable, of: 40)
        look()
        #expect(core.acknowledge() == 40)
    }
}
