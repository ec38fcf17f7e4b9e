import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The operations of `system` after which the board still runs.
@Suite struct SystemOperationTests {
    private let fixture = Fixture(cores: 2)

    private func system(_ form: SystemForm, _ words: [UInt64]) -> Answer {
        fixture.operate(
            fixture.root, ABI.Operation.system.rawValue, Selector(slot: RootSlot.system, form: form.rawValue), words)
    }

    /// 40 bytes in five registers, the first in the lowest bits.
    @Test(arguments: [0, 1, 7, 8, 9, 39, 40] as [UInt64]) func theConsoleGetsEachByteOnce(count: UInt64) {
        let bytes = (0..<40 as Range<UInt64>).map { UInt8($0 + 0x41) }
        let words = (0..<5).map { word in (0..<8).reduce(0) { $0 | UInt64(bytes[word * 8 + $1]) << UInt64($1 * 8) } }
        #expect(system(.writeConsole, [count] + words).status == .ok)
        #expect(fixture.model.console == Array(bytes[..<Int(count)]))
        #expect(system(.writeConsole, [41] + words).status == .badArgument)
        #expect(fixture.model.console.count == Int(count))
    }

    @Test func countersAreOfTheCoreThatIsNamed() {
        for core in [0, 1] as [UInt64] {
            fixture.core(Int(core)).pointee.entries = 1000 * (core + 1)
            fixture.core(Int(core)).pointee.switches = 500 * (core + 1)
        }
        #expect(system(.readCounter, [1, SystemCounter.entries.rawValue]).words[0] == 2000)
        #expect(system(.readCounter, [1, SystemCounter.switches.rawValue]).words[0] == 1000)
        #expect(system(.readCounter, [0, SystemCounter.switches.rawValue]).words[0] == 500)
        #expect(system(.readCounter, [2, 0]).status == .badArgument)
        #expect(system(.readCounter, [0, 2]).status == .badArgument)
    }

    /// The interrupts of devices begin at 32, and each has one capability.
    @Test func interruptsHaveNumbers() {
        func create(_ number: UInt64) -> Status? {
            system(.createInterrupt, [number, UInt64(fixture.freeSlot()), UInt64(fixture.region)]).status
        }
        for number in [0, 31, 256, 1 << 32 | 40] as [UInt64] { #expect(create(number) == .badArgument) }
        for number in [32, 255] as [UInt64] {
            #expect(create(number) == .ok)
            #expect(create(number) == .badState)
        }
    }

    @Test func theCapabilityAndTheFormAreChecked() {
        let weak = fixture.derive(RootSlot.system, rights: .read)
        let form = SystemForm.readCounter.rawValue
        #expect(fixture.operate(.system, weak, form: form, 0, 0).status == .noRights)
        #expect(fixture.operate(.system, InitialSlot.thread, form: form, 0, 0).status == .badCapability)
        #expect(fixture.operate(.system, RootSlot.system, form: 6).status == .unsupported)
    }

    /// An extent has an address, which a driver tells its device. Other objects have none.
    @Test func anExtentHasAnAddress() {
        let (first, second) = (
            fixture.create(.extent, 8192, alignment: 4096), fixture.create(.extent, 4096, alignment: 4096)
        )
        func address(_ slot: UInt32) -> UInt64 {
            fixture.succeed(
                .system, RootSlot.system, form: SystemForm.extentAddress.rawValue, UInt64(slot)
            ).words[0]
        }
        #expect(address(first) % 4096 == 0 && address(second) == address(first) + 8192)
        func status(_ slot: UInt32) -> Status? {
            fixture.operate(.system, RootSlot.system, form: SystemForm.extentAddress.rawValue, UInt64(slot)).status
        }
        #expect(status(InitialSlot.thread) == .badCapability)
        #expect(status(fixture.derive(first, rights: [.read, .write])) == .noRights)
    }

    /// Each counter of the only core.
    @Test func aSingleCoreHasBothCounters() {
        let fixture = Fixture()
        fixture.core(0).pointee.switches = 77
        let answer = fixture.succeed(
            .system, RootSlot.system, form: SystemForm.readCounter.rawValue, 0, SystemCounter.switches.rawValue)
        #expect(answer.words[0] == 77)
    }

    /// The hearer must be of the form's kind and configured, and the interrupt must exist.
    @Test func theHearerMustFitTheForm() {
        let thread = fixture.makeThread(starts: false), machine = fixture.makeVirtualCPU(starts: false)
        let raw = fixture.create(.thread), notification = fixture.create(.notification)
        func bind(_ form: NotificationBind, _ hearer: UInt32, _ interrupt: UInt64) -> Status? {
            fixture.operate(.notificationBind, notification, form: form.rawValue, UInt64(hearer), interrupt).status
        }
        #expect(bind(.thread, machine.slot, 0) == .badState && bind(.virtualInterrupt, thread.slot, 40) == .badState)
        #expect(bind(.thread, raw, 0) == .badState)
        let count = UInt64(VirtualInterrupts.count)
        for number in [count, count + 1, 1 << 32 | 40] as [UInt64] {
            #expect(bind(.virtualInterrupt, machine.slot, number) == .badArgument)
        }
        #expect(bind(.virtualInterrupt, machine.slot, count - 1) == .ok)
        for number in [27, 1000] as [UInt64] {
            #expect(bind(.thread, thread.slot, number) == .ok, "no interrupt is meant")
        }
    }

    /// Only the holder of the interrupt learns that a form does not exist.
    @Test func formsOfInterrupts() {
        let interrupt = fixture.freeSlot(), notification = fixture.create(.notification)
        #expect(system(.createInterrupt, [40, UInt64(interrupt), UInt64(fixture.region)]).status == .ok)
        for form in [2, 77] as [UInt32] {
            #expect(fixture.operate(.interruptControl, interrupt, form: form).status == .unsupported)
            #expect(fixture.operate(.interruptControl, notification, form: form).status == .badCapability)
        }
    }

    /// A core looked the notification up before it was destroyed.
    @Test func theTimerOfADestroyedNotificationIsNobodys() {
        fixture.checksInvariants = false
        let slot = fixture.create(.notification)
        fixture.object(slot, as: KernelCore.Notification.self).pointee.timerOwner.store(
            KernelCore.Notification.timerEnded)
        #expect(fixture.operate(.timer, slot, form: TimerForm.set.rawValue, 1000, 1).status == .badCapability)
    }

    /// An interrupt is made of used memory.
    @Test func aNewInterruptIsUnbound() {
        let part = fixture.create(.region, 1 << 16), slot = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.extent.rawValue), 8192, UInt64(slot), Page.size)
        let region = fixture.object(part, as: Region.self)
        #expect(fixture.revoke(part) == .ok)
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(region.pointee.start.value))!.update(repeating: 8, count: 64)
        #expect(system(.createInterrupt, [41, UInt64(slot), UInt64(part)]).status == .ok)
        #expect(fixture.object(slot, as: Interrupt.self).pointee.bell.notification == nil)
    }
}
