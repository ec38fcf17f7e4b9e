import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Each form of `interruptControl`, and its work for the virtual CPU's core.
@Suite struct VirtualInterruptChangeTests {
    private let fixture: Fixture
    /// The machine on core 0.
    private let machine: Tenant
    private let monitor: Tenant
    /// The thread on core 1.
    private let remote: Tenant
    private var core: ModelCore { fixture.model.cores[0] }
    private var guest: Ref<VirtualCPU> { machine.guest }

    init() {
        fixture = Fixture(cores: 2)
        fixture.checksInvariants = false
        remote = fixture.makeThread(priority: 10, core: 1)
        monitor = fixture.makeThread(priority: 9, notified: true)
        machine = fixture.makeVirtualCPU(priority: 5)
        fixture.sleepRoot()
        fixture.wait(monitor)
        control(.setEdge, 0, 0xFFFF)
        for word in 0..<4 as Range<UInt64> { control(.enable, word, 0xFFFF_FFFF) }
        control(.setForwarding, 0, 1)
        fixture.settleAll()
    }

    // MARK: Sources of changes

    @discardableResult
    private func ask(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64 = 0) -> Answer {
        fixture.raise(monitor.notification)
        let answer = fixture.operate(
            .interruptControl, machine.slot, form: form.rawValue, index, value, by: monitor.context)
        fixture.wait(monitor)
        return answer
    }

    /// Makes a change by the monitor, on the virtual CPU's core.
    private func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        #expect(ask(form, index, value).status == .ok)
        fixture.settle(0)
    }

    /// Makes a change by the other core. Returns true if the virtual CPU's core was interrupted for it.
    @discardableResult
    private func controlRemotely(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) -> Bool {
        let before = core.interruptCount
        fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value, by: remote.context)
        fixture.model.advance(by: 1000)
        fixture.settle(1)
        let isTold = core.interruptCount != before
        fixture.settle(0)
        return isTold
    }

    private func bit(_ number: UInt64) -> UInt64 { 1 << (number & 31) }
    private func pend(_ number: UInt64) { control(.setPending, number >> 5, bit(number)) }

    private func take(_ number: UInt32) {
        #expect(core.acknowledge() == number)
        fixture.settle(0)
    }

    private func end(_ number: UInt32) {
        core.end(number)
        fixture.settle(0)
    }

    // MARK: Numbers

    /// The first and the last of each kind and of each word.
    @Test(arguments: [0, 15, 16, 31, 32, 63, 64, 95, 96, 127] as [UInt64])
    func everyNumberPendsAndEnds(number: UInt64) {
        pend(number)
        #expect(ask(.readWord, number >> 5).words[1] == bit(number))
        take(UInt32(number))
        #expect(ask(.readWord, number >> 5).words[2] == bit(number))
        end(UInt32(number))
        #expect(core.acknowledge() == 1023)
        guard number >= 16 else { return }
        control(.setLevel, number, 1)
        take(UInt32(number))
        end(UInt32(number))
        take(UInt32(number))
        control(.setLevel, number, 0)
        end(UInt32(number))
        #expect(core.acknowledge() == 1023)
        #expect((0..<4).allSatisfy { guest.pointee.listed[$0] == 0 })
    }

    /// A kernel entry on another core makes an interrupt pending. A number that does not exist changes nothing.
    @Test func anInterruptBeyondTheLastIsIgnored() {
        fixture.enter(1) { K.pend($0, machine.context, 127) }
        fixture.enter(1) { K.pend($0, machine.context, 128) }
        fixture.enter(1) { K.pend($0, machine.context, .max) }
        fixture.settle(0)
        take(127)
        end(127)
        #expect(core.acknowledge() == 1023)
    }

    @Test func eachFormHasItsLimit() {
        for form in [.enable, .disable, .setPending, .clearPending, .setActive, .clearActive, .setEdge, .readWord]
            as [VirtualInterruptControl]
        {
            #expect(ask(form, 3).status == .ok)
            #expect(ask(form, 4).status == .badArgument)
            #expect(ask(form, .max).status == .badArgument)
        }
        for form in [.setPriority, .setLevel, .readPriority] as [VirtualInterruptControl] {
            #expect(ask(form, 127).status == .ok)
            #expect(ask(form, 128).status == .badArgument)
        }
        #expect(ask(.setForwarding, .max - 1, 1).status == .ok)
        let thread = fixture.operate(.interruptControl, remote.slot, form: 0, by: remote.context)
        #expect(thread.status != .ok)
        let unknown = fixture.operate(.interruptControl, machine.slot, form: 12, by: remote.context)
        #expect(unknown.status == .unsupported)
    }

    // MARK: Receivers of news

    /// A change without effect, or of an interrupt that cannot be delivered, interrupts no core; any other change does.
    @Test func onlyNewsThatCanBeDeliveredInterruptsTheOtherCore() {
        #expect(!controlRemotely(.enable, 1, 0xFFFF_FFFF))
        #expect(!controlRemotely(.setForwarding, 0, 1))
        #expect(!controlRemotely(.setEdge, 1, 0))
        #expect(!controlRemotely(.setPriority, 40, 0x80))
        #expect(!controlRemotely(.setActive, 1, 0))
        #expect(!controlRemotely(.setLevel, 40, 0))
        #expect(!controlRemotely(.disable, 1, bit(40)))
        #expect(!controlRemotely(.setPending, 1, bit(40)))
        #expect(!controlRemotely(.setLevel, 41, 0))
        #expect(!controlRemotely(.disable, 1, bit(41)))
        #expect(!controlRemotely(.setLevel, 41, 1))
        #expect(controlRemotely(.enable, 1, bit(40)))
        #expect(!controlRemotely(.setPending, 1, 0))
        take(40)
        end(40)
        #expect(controlRemotely(.enable, 1, bit(41)))
        #expect(controlRemotely(.setLevel, 41, 0))
        #expect(core.acknowledge() == 1023)
        #expect(controlRemotely(.setPending, 1, bit(42)))
        #expect(controlRemotely(.disable, 1, bit(42)))
        #expect(core.acknowledge() == 1023)
        #expect(controlRemotely(.setForwarding, 0, 0))
        #expect(!controlRemotely(.enable, 1, bit(42)))
        #expect(core.acknowledge() == 1023)
        #expect(controlRemotely(.setForwarding, 0, 1))
        take(42)
    }

    /// `setActive` keeps an interrupt from coming, `clearActive` lets it come.
    @Test(arguments: [false, true]) func anActiveInterruptIsNotDelivered(remotely: Bool) {
        func set(_ form: VirtualInterruptControl, _ number: UInt64) {
            guard remotely else { return control(form, number >> 5, bit(number)) }
            controlRemotely(form, number >> 5, bit(number))
        }
        set(.setActive, 40)
        set(.setPending, 40)
        #expect(core.acknowledge() == 1023)
        #expect(ask(.readWord, 1).words[2] == bit(40))
        #expect(ask(.readWord, 1).words[1] == bit(40))
        set(.clearActive, 40)
        take(40)
        end(40)
        #expect(ask(.readWord, 1).words[2] == 0)
    }

    /// Only the list register knows the state of an interrupt that is in it.
    @Test func settingAListedInterruptActiveChangesNothing() {
        pend(40)
        control(.setActive, 1, bit(40) | bit(41))
        #expect(guest.pointee.active[1].load() == bit(41))
        take(40)
        control(.setActive, 1, bit(40))
        #expect(guest.pointee.active[1].load() == bit(41))
        end(40)
        pend(40)
        take(40)
        end(40)
        control(.clearActive, 1, bit(41))
        #expect(ask(.readWord, 1).words[2] == 0)
    }

    @Test func clearingReachesAListRegisterFromItsOwnCoreOnly() {
        pend(40)
        #expect(!controlRemotely(.clearPending, 1, bit(40)))
        take(40)
        end(40)
        pend(40)
        control(.clearPending, 1, bit(40))
        #expect(core.acknowledge() == 1023)
        // An interrupt that is pending again while it is active waits in the words, which every core can clear.
        pend(40)
        take(40)
        pend(40)
        controlRemotely(.clearPending, 1, bit(40))
        end(40)
        #expect(core.acknowledge() == 1023)
    }

    /// A timer is pending because of its line, which clearing does not change.
    @Test(arguments: [27, 30] as [UInt64], [false, true])
    func aTimersLineIsNotCleared(number: UInt64, isListed: Bool) {
        if !isListed { control(.disable, 0, bit(number)) }
        core.setTimer(UInt32(number), fixture.model.now)
        fixture.settle(0)
        control(.setPending, 0, bit(28))
        control(.clearPending, 0, bit(number) | bit(28))
        controlRemotely(.clearPending, 0, bit(number))
        if !isListed { control(.enable, 0, bit(number)) }
        take(UInt32(number))
        core.setTimer(UInt32(number), .never)
        end(UInt32(number))
        #expect(core.acknowledge() == 1023)
        // The same bits of another word are no timers.
        control(.setPending, 1, bit(number))
        take(UInt32(number + 32))
    }

    /// A write latches a timer's interrupt, for any level of its line, until it is taken or cleared.
    @Test(arguments: [27, 30] as [UInt64], [false, true])
    func aTimersInterruptIsLatchedByAWrite(number: UInt64, isHigh: Bool) {
        if isHigh { core.setTimer(UInt32(number), fixture.model.now) }
        fixture.settle(0)
        control(.setPending, 0, bit(number))
        // An edge-triggered configuration makes no difference.
        control(.setEdge, 0, 0xFFFF | bit(number))
        core.setTimer(UInt32(number), .never)
        #expect(pendingTimers() == bit(number))
        control(.clearPending, 0, bit(number))
        #expect(pendingTimers() == 0 && core.acknowledge() == 1023)
        control(.disable, 0, bit(number))
        control(.setPending, 0, bit(number))
        #expect(pendingTimers() == bit(number) && core.acknowledge() == 1023)
        control(.enable, 0, bit(number))
        take(UInt32(number))
        #expect(pendingTimers() == 0)
        end(UInt32(number))
        #expect(core.acknowledge() == 1023 && !core.isActive(UInt32(number)))
    }

    /// An interrupt that is latched while it is handled comes when that ends, and the line's interrupt follows it.
    @Test(arguments: [27, 30] as [UInt64], [(false, false), (false, true), (true, false), (true, true)])
    func aTimersInterruptIsLatchedWhileItIsActive(number: UInt64, lines: (byLine: Bool, isHighThen: Bool)) {
        let (byLine, isHighThen) = lines
        if byLine { core.setTimer(UInt32(number), fixture.model.now) } else { control(.setPending, 0, bit(number)) }
        fixture.settle(0)
        take(UInt32(number))
        control(.setPending, 0, bit(number))
        core.setTimer(UInt32(number), isHighThen ? fixture.model.now : .never)
        fixture.settle(0)
        end(UInt32(number))
        take(UInt32(number))
        #expect(pendingTimers() == (isHighThen ? bit(number) : 0))
        end(UInt32(number))
        guard isHighThen else { return #expect(core.acknowledge() == 1023 && !core.isActive(UInt32(number))) }
        take(UInt32(number))
        core.setTimer(UInt32(number), .never)
        end(UInt32(number))
        #expect(core.acknowledge() == 1023 && !core.isActive(UInt32(number)))
        core.setTimer(UInt32(number), fixture.model.now)
        fixture.settle(0)
        take(UInt32(number))
    }

    // MARK: A timer's line

    private func pendingTimers() -> UInt64 { ask(.readWord, 0).words[1] & (bit(27) | bit(30)) }

    /// The guest lowers the line without an exit, before it takes the interrupt. The next exit removes the interrupt.
    @Test(arguments: [27, 30] as [UInt64]) func aTimersInterruptFollowsItsLine(number: UInt64) {
        core.setTimer(UInt32(number), fixture.model.now)
        fixture.settle(0)
        #expect(pendingTimers() == bit(number))
        core.setTimer(UInt32(number), .never)
        #expect(pendingTimers() == 0)
        #expect(core.acknowledge() == 1023)
        // It can come again.
        core.setTimer(UInt32(number), fixture.model.now)
        fixture.settle(0)
        take(UInt32(number))
        // It is active, and because its line is high it is pending, too.
        #expect(pendingTimers() == bit(number))
        #expect(ask(.readWord, 0).words[2] & bit(number) != 0)
        core.setTimer(UInt32(number), .never)
        #expect(pendingTimers() == 0)
        end(UInt32(number))
        #expect(core.acknowledge() == 1023)
    }

    /// A disabled interrupt is pending by its line as well, and is not delivered.
    @Test(arguments: [27, 30] as [UInt64]) func aDisabledTimerIsPendingWhileItsLineIsHigh(number: UInt64) {
        control(.disable, 0, bit(number))
        core.setTimer(UInt32(number), fixture.model.now)
        fixture.settle(0)
        #expect(pendingTimers() == bit(number) && core.acknowledge() == 1023)
        core.setTimer(UInt32(number), .never)
        #expect(pendingTimers() == 0)
        control(.enable, 0, bit(number))
        #expect(core.acknowledge() == 1023)
        core.setTimer(UInt32(number), fixture.model.now)
        fixture.settle(0)
        take(UInt32(number))
    }

    /// Time goes on for the timers of a virtual CPU while another one is loaded.
    @Test(arguments: [27, 30] as [UInt64], [false, true])
    func aTimerFollowsItsLineWhileAnotherVirtualCPUIsLoaded(number: UInt64, isEnabled: Bool) {
        if !isEnabled { control(.disable, 0, bit(number)) }
        core.setTimer(UInt32(number), fixture.model.now + Ticks(500))
        fixture.raiseRoot()
        let other = fixture.makeVirtualCPU(priority: 7)
        fixture.sleepRoot()
        #expect(fixture.current() == other.context)
        #expect(pendingTimers() == 0)
        fixture.model.advance(by: 1000)
        #expect(pendingTimers() == bit(number))
        #expect(fixture.current() == other.context)
    }

    // MARK: Reading by a monitor

    @Test func aMonitorReadsTheStateThatItWrote() {
        control(.disable, 2, 0xF0)
        control(.setEdge, 2, 0x5A5A_0000)
        control(.setPriority, 64, 0x18)
        let word = ask(.readWord, 2)
        #expect(word.words[0] == 0xFFFF_FF0F)
        #expect(word.words[3] == 0x5A5A_0000)
        #expect(ask(.readPriority, 64).words[0] == 0x18)
        #expect(ask(.readPriority, 65).words[0] == 0)
    }

    /// In a list register it is pending by its line alone, which has fallen since. A monitor that moved it as if it
    /// were latched would invent an interrupt.
    @Test func aFallenLineIsNotReadAsPending() {
        pend(41)
        control(.setLevel, 40, 1)
        fixture.raise(monitor.notification)
        fixture.succeed(
            .interruptControl, machine.slot, form: VirtualInterruptControl.setLevel.rawValue, 40, 0, by: monitor.context
        )
        let answer = fixture.succeed(
            .interruptControl, machine.slot, form: VirtualInterruptControl.readWord.rawValue, 1, by: monitor.context)
        #expect(answer.words[1] == bit(41))
        fixture.wait(monitor)
    }

    /// The kernel reads the saved registers of a virtual CPU that is not loaded or is on another core.
    @Test func stateIsReadWhereverTheVirtualCPUIs() {
        for number in [40, 41] as [UInt64] { pend(number) }
        take(40)
        #expect(ask(.readWord, 1).words[1...2] == [bit(41), bit(40)])
        func readRemotely() -> ArraySlice<UInt64> {
            fixture.succeed(
                .interruptControl, machine.slot, form: VirtualInterruptControl.readWord.rawValue, 1, by: remote.context
            ).words[1...2]
        }
        // The virtual CPU is loaded on another core, so both may still be pending.
        #expect(readRemotely().first == bit(40) | bit(41))
        fixture.raise(monitor.notification)
        fixture.stop(machine, by: monitor.context)
        fixture.wait(monitor)
        #expect(ask(.readWord, 1).words[1...2] == [bit(41), bit(40)])
        #expect(readRemotely().last == bit(40))
        #expect(ask(.readWord, 0).words[1...2] == [0, 0])
    }
}
