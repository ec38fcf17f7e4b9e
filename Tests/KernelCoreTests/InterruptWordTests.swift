import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The news in each change of a virtual CPU's interrupts for its core, the words that other cores read, and the state
/// after a reset.
@Suite struct InterruptWordTests {
    private let fixture = Fixture(cores: 2)
    /// The machine on core 0.
    private let machine: Tenant
    /// A thread on core 0 that is as urgent as the machine.
    private let sibling: Tenant
    private let monitor: Tenant
    /// The thread on core 1.
    private let remote: Tenant
    private var core: ModelCore { fixture.model.cores[0] }
    private var guest: Ref<VirtualCPU> { machine.guest }

    init() {
        fixture.checksInvariants = false
        remote = fixture.makeThread(priority: 10, core: 1)
        monitor = fixture.makeThread(priority: 9, notified: true)
        machine = fixture.makeVirtualCPU(priority: 5)
        sibling = fixture.makeVirtualCPU(priority: 7)
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.waitForInterrupt(sibling)
        for tenant in [machine, sibling] {
            for (form, index, value) in Self.beginning { tell(form, index, value, of: tenant) }
        }
        fixture.settleAll()
    }

    private typealias Change = (form: VirtualInterruptControl, index: UInt64, value: UInt64)
    private static var beginning: [Change] {
        [(.setEdge, 0, 0xFFFF), (.enable, 0, .max), (.enable, 1, .max), (.enable, 2, .max), (.setForwarding, 0, 1)]
    }
    private func bit(_ number: UInt64) -> UInt64 { 1 << (number & 31) }

    // MARK: Sources of changes

    private func tell(
        _ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64, remotely: Bool = true,
        of tenant: Tenant? = nil
    ) {
        let slot = (tenant ?? machine).slot
        if remotely {
            fixture.succeed(.interruptControl, slot, form: form.rawValue, index, value, by: remote.context)
        } else {
            fixture.raise(monitor.notification)
            fixture.succeed(.interruptControl, slot, form: form.rawValue, index, value, by: monitor.context)
            fixture.wait(monitor)
        }
    }

    private func look() {
        fixture.model.advance(by: 1000)
        fixture.settleAll()
    }

    /// Makes a change by the other core. Returns true if the virtual CPU's core was interrupted for it.
    private func isTold(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) -> Bool {
        look()
        let before = core.interruptCount
        tell(form, index, value)
        return core.interruptCount != before
    }

    private func read(_ word: UInt64, by caller: Tenant? = nil, of tenant: Tenant? = nil) -> [UInt64] {
        let form = VirtualInterruptControl.readWord.rawValue
        let slot = (tenant ?? machine).slot
        let reader = caller ?? remote
        if reader.slot == monitor.slot { fixture.raise(monitor.notification) }
        let words = fixture.succeed(.interruptControl, slot, form: form, word, by: reader.context).words
        if reader.slot == monitor.slot { fixture.wait(monitor) }
        return Array(words[0..<4])
    }

    private func take(_ number: UInt32) {
        look()
        #expect(core.acknowledge() == number)
    }

    // MARK: News

    /// A change without effect interrupts no core, and needs no look.
    @Test func aRepeatedChangeInterruptsNoCore() {
        tell(.setPending, 1, bit(40))
        take(40)
        // The interrupt waits for its end, so each look may need it.
        tell(.setPending, 1, bit(40))
        tell(.setLevel, 41, 1)
        tell(.setActive, 1, bit(42))
        tell(.disable, 1, bit(44) | bit(46))
        tell(.setPending, 1, bit(44))
        tell(.setLevel, 46, 1)
        let changes: [Change] = [
            (.enable, 1, bit(40)), (.setPending, 1, bit(40)), (.setLevel, 41, 1), (.setActive, 1, bit(42)),
            (.clearActive, 1, bit(43)), (.clearActive, 1, bit(40)), (.disable, 1, bit(44)), (.disable, 1, bit(46)),
            (.clearPending, 1, bit(45)), (.setPending, 1, bit(44)), (.setLevel, 47, 0), (.setEdge, 1, 0),
            (.setForwarding, 0, 1), (.setForwarding, 0, 3), (.setForwarding, 0, 1), (.setPriority, 40, 0),
        ]
        for (form, index, value) in changes {
            let isTold = isTold(form, index, value)
            #expect(!isTold && guest.pointee.isDirty.load() == 0, "\(form) \(value)")
        }
    }

    /// A change that the guest would notice now interrupts its core.
    @Test func aChangeThatTheGuestNoticesInterruptsItsCore() {
        #expect(isTold(.setActive, 1, bit(43)))
        #expect(isTold(.setEdge, 1, bit(45)))
        #expect(isTold(.setEdge, 1, 0))
        // Interrupts of the same priority have all list registers.
        for number in 64..<68 as Range<UInt64> { tell(.setPriority, number, 0x80) }
        tell(.setPending, 2, 0xF)
        look()
        tell(.setPriority, 40, 0x90)
        tell(.setPending, 1, bit(40))
        look()
        #expect(isTold(.setPriority, 40, 0x10))
        take(40)
        #expect(!isTold(.setPriority, 40, 0x20))
    }

    /// A sleeping virtual CPU wakes when it has an interrupt to take, for any order of the changes.
    @Test(arguments: 0..<7, [false, true]) func theLastChangeEndsTheSleep(last: Int, remotely: Bool) {
        let ready: [Change] = [(.setPending, 1, bit(40))]
        let line: [Change] = [(.setEdge, 1, bit(40)), (.setLevel, 40, 1), (.clearPending, 1, bit(40))]
        let orders: [[Change]] = [
            [(.setForwarding, 0, 0)] + ready + [(.setForwarding, 0, 1)],
            [(.disable, 1, bit(40))] + ready + [(.enable, 1, bit(40))],
            [(.setActive, 1, bit(40))] + ready + [(.clearActive, 1, bit(40))],
            ready, [(.setLevel, 40, 1)],
            [(.setForwarding, 0, 0)] + line + [(.setForwarding, 0, 1), (.setEdge, 1, 0)],
            [(.setForwarding, 0, 0)] + ready + [(.setEdge, 1, 2), (.setActive, 1, 4), (.setForwarding, 0, 1)],
        ]
        fixture.waitForInterrupt(machine)
        for (form, index, value) in orders[last].dropLast() {
            tell(form, index, value, remotely: remotely)
            look()
            #expect(machine.state == .waitingForInterrupt, "\(form) \(index) \(value)")
        }
        let (form, index, value) = orders[last].last!
        tell(form, index, value, remotely: remotely)
        look()
        #expect(machine.state == .ready && core.acknowledge() == 40)
    }

    /// WFI does not end for an interrupt that is pending but not forwarded, even if the kernel has to look.
    @Test(arguments: [false, true]) func anInterruptThatIsNotForwardedDoesNotEndAWait(isActiveOutside: Bool) {
        tell(.setForwarding, 0, 0)
        tell(.setPending, 1, bit(40))
        if isActiveOutside { tell(.setActive, 1, bit(41)) }
        fixture.enter(0) { core in
            K.drainInbox(core)
            K.waitForInterrupt(core, machine.context)
        }
        #expect(machine.state == .waitingForInterrupt)
    }

    // MARK: Reading

    @Test func everyInterruptHasItsPriority() {
        for number in 0..<128 as Range<UInt64> { tell(.setPriority, number, 255 - number) }
        for number in 0..<128 as Range<UInt64> {
            let form = VirtualInterruptControl.readPriority.rawValue
            let answer = fixture.succeed(.interruptControl, machine.slot, form: form, number, by: remote.context)
            #expect(answer.words[0] == 255 - number)
        }
    }

    /// For another core, too, a line that has fallen is not pending, although its interrupt is still in a list
    /// register. The same holds for an interrupt that became pending and was cleared while it was handled.
    @Test func anotherCoreReadsOnlyWhatIsLatched() {
        tell(.setLevel, 40, 1)
        tell(.setPending, 1, bit(42))
        look()
        tell(.setLevel, 40, 0)
        #expect(guest.pointee.listed[1] == bit(40) | bit(42))
        #expect(read(1)[1] == bit(42))
        // An interrupt that waits in the words is pending for every core.
        tell(.disable, 1, bit(44))
        tell(.setPending, 1, bit(44))
        #expect(read(1)[1] == bit(42) | bit(44))
        tell(.clearPending, 1, bit(44))
        look()
        tell(.setLevel, 40, 1)
        tell(.setPriority, 40, 0)
        tell(.setPriority, 42, 8)
        take(40)
        tell(.setLevel, 40, 0)
        tell(.setPending, 1, bit(40))
        look()
        tell(.setPending, 1, bit(41))
        look()
        tell(.clearPending, 1, bit(40))
        #expect(read(1)[1] == bit(41) | bit(42))
    }

    /// For a virtual CPU that is not loaded, its saved list registers count, not those of another one, and only those
    /// in use.
    @Test func savedListRegistersAreTheVirtualCPUsOwn() {
        tell(.setPending, 1, bit(40))
        take(40)
        fixture.waitForInterrupt(machine)
        tell(.setPending, 1, bit(41), of: sibling)
        look()
        #expect(fixture.current() == sibling.context && core.acknowledge() == 41)
        tell(.setPending, 1, bit(42), of: sibling)
        look()
        // Another core cannot tell whether it has been taken.
        for (reader, pending) in [(monitor, 0), (remote, bit(40))] {
            #expect(read(1, by: reader)[1...2] == [pending, bit(40)])
            #expect(read(2, by: reader)[1...2] == [0, 0])
        }
        #expect(read(1, by: monitor, of: sibling)[1...2] == [bit(42), bit(41)])
        // The first list register has been in use, and is no longer.
        guest.pointee.savedListRegisters[1] = guest.pointee.savedListRegisters[0]
        guest.pointee.usedListRegisters[0] = 2
        var stale = ListRegister(pending: 43, priority: 0, hardware: false, signalsEnd: false)
        stale.bits |= ListRegister.activeBit
        guest.pointee.savedListRegisters[0] = stale.bits
        guest.pointee.latched[1] |= bit(43)
        #expect(read(1, by: monitor)[1...2] == [0, bit(40)])
    }

    // MARK: Reset

    /// A reset leaves no former state of a virtual CPU.
    @Test func aResetLeavesNothing() {
        fixture.raise(monitor.notification)
        fixture.stop(machine, by: monitor.context)
        core.run {
            for word in 0..<4 {
                guest.pointee.enabled[word].store(0xFFFF_FFFF)
                guest.pointee.pending[word].store(0xFFFF_FFFF)
                guest.pointee.level[word].store(0xFFFF_FFFF)
                guest.pointee.edge[word].store(0xFFFF_FFFF)
                guest.pointee.active[word].store(0xFFFF_FFFF)
                guest.pointee.listed[word] = 0xFFFF_FFFF
                guest.pointee.latched[word] = 0xFFFF_FFFF
            }
            for number in 0..<128 { guest.pointee.priority[number] = 0xFF }
            for index in 0..<16 { guest.pointee.savedListRegisters[index] = .max }
            for index in 0..<8 { guest.pointee.activePriorities[index] = .max }
            guest.pointee.usedListRegisters[0] = 0xFFFF
            guest.pointee.forwarding.store(1)
            guest.pointee.interfaceControl = .max
            guest.pointee.maintenance = .max
        }
        fixture.succeed(
            .contextState, machine.slot, form: ContextState.reset.rawValue, by: monitor.context)
        fixture.wait(monitor)
        for word in 0..<4 {
            let words = [
                guest.pointee.enabled[word].load(), guest.pointee.pending[word].load(),
                guest.pointee.level[word].load(),
                guest.pointee.edge[word].load(), guest.pointee.active[word].load(), guest.pointee.listed[word],
                guest.pointee.latched[word],
            ]
            #expect(words == [0, 0, 0, 0, 0, 0, 0])
        }
        #expect((0..<128).allSatisfy { guest.pointee.priority[$0] == 0 })
        #expect((0..<16).allSatisfy { guest.pointee.savedListRegisters[$0] == 0 })
        #expect((0..<8).allSatisfy { guest.pointee.activePriorities[$0] == 0 })
        let others = [
            guest.pointee.usedListRegisters[0], guest.pointee.forwarding.load(), guest.pointee.interfaceControl,
            guest.pointee.maintenance,
        ]
        #expect(others == [0, 0, 0, 0])
    }

    // MARK: Timers

    /// A notification may stand for any interrupt but the timers', whose pending state is that of their lines.
    @Test func aNotificationIsNoTimer() {
        fixture.raiseRoot()
        for number in 0..<128 as Range<UInt64> {
            let notification = fixture.create(.notification)
            let answer = fixture.operate(
                .notificationBind, notification, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot),
                number)
            #expect(answer.status == ([27, 30].contains(number) ? .badArgument : .ok), "\(number)")
        }
        for number in 0..<128 as Range<UInt64> {
            let answer = fixture.operate(
                .interruptControl, machine.slot, form: VirtualInterruptControl.setLevel.rawValue, number, 1)
            #expect(answer.status == ([27, 30].contains(number) ? .badArgument : .ok), "\(number)")
        }
    }
}
