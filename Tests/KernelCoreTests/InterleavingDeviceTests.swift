import ABI
import Interleaving
import Testing

@testable import KernelCore
@testable import HardwareModel

/// Devices and guests ring on one core, while another core binds their bells anew, removes them, and uses their memory
/// for something else.
@Suite struct InterleavingDeviceTests {
    private let scenario = KernelScenario(cores: 2)
    private let part: UInt32
    /// The thread of core 0.
    private let chief: Tenant
    /// The notifications, which are made of memory that stays.
    private let kept: UInt32, other: UInt32

    private static let number: UInt32 = 40
    private static let address: UInt64 = 0x9000

    init() {
        let fixture = scenario.fixture
        part = fixture.create(.region, 1 << 13)
        chief = fixture.makeThread(priority: 10, core: 0)
        kept = fixture.create(.notification)
        other = fixture.create(.notification)
        // The model routes interrupts to the core that binds them, but here they come to core 1.
        scenario.checksInvariants = false
    }

    private func bits(_ notification: UInt32) -> UInt64 {
        scenario.fixture.object(notification, as: KernelCore.Notification.self).pointee.bits.load()
    }

    private func makePart(_ kind: ObjectKind) -> UInt32 {
        let slot = scenario.fixture.freeSlot()
        scenario.fixture.succeed(.create, part, form: UInt32(kind.rawValue), 0, UInt64(slot))
        return slot
    }

    /// Lets core 0 revoke `part`. The memory then holds an object that would ring `other` if it were a bell.
    private func takeBack(bellAt place: Int = 1) {
        let fixture = scenario.fixture
        let start = fixture.object(part, as: Region.self).pointee.start
        let decoy = fixture.object(other, as: KernelCore.Notification.self).address.value
        scenario.program(
            chief.context,
            scenario.untilDone(.revoke, part) {
                let words = UnsafeMutablePointer<UInt64>(bitPattern: UInt(start.value))!
                for (offset, word) in [2, decoy, 0x80, Self.address].enumerated() { words[place + offset] = word }
            })
    }

    private func explore(
        sourceLocation: SourceLocation = #_sourceLocation, _ check: @escaping () -> String? = { nil }
    ) {
        scenario.fixture.sleepRoot()
        scenario.explore(sourceLocation: sourceLocation) { [self] in
            let status = chief.context.pointee.frame.x[0]
            return status == Status.ok.rawValue ? check() : "told \(status)"
        }
    }

    // MARK: Physical interrupts

    /// Makes the interrupt of a region, and returns its slot.
    private func makeInterrupt(of region: UInt32) -> UInt32 {
        let fixture = scenario.fixture
        let slot = fixture.freeSlot()
        fixture.succeed(
            .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, UInt64(Self.number), UInt64(slot),
            UInt64(region))
        scenario.name(fixture.object(slot, as: Interrupt.self), "interrupt")
        return slot
    }

    private func bindInterrupt(_ slot: UInt32, to notification: UInt32, _ bits: UInt64) {
        scenario.fixture.succeed(
            .interruptControl, slot, form: InterruptControl.bind.rawValue, UInt64(notification), bits)
    }

    /// Raises the interrupt, which core 1 has acknowledged.
    private func interrupt() {
        scenario.body(1) { core in core.enter { K.boundInterrupt($0, Self.number) } }
    }

    @Test func anInterruptRingsNothingOfMemoryThatWasTaken() {
        bindInterrupt(makeInterrupt(of: part), to: kept, 1)
        takeBack()
        interrupt()
        explore { [self] in
            guard bits(other) == 0 else { return "memory is a bell that is something else" }
            return bits(kept) <= 1 ? nil : "told \(bits(kept))"
        }
    }

    /// The interrupt stays, and its notification is destroyed.
    @Test func anInterruptTellsNoNotificationThatWasTaken() {
        let fixture = scenario.fixture
        let interrupt = makeInterrupt(of: fixture.region), victim = makePart(.notification)
        scenario.name(fixture.object(victim, as: KernelCore.Notification.self), "victim")
        bindInterrupt(interrupt, to: victim, 1)
        scenario.program(chief.context, scenario.untilDone(.revoke, part))
        let fresh = fixture.freeSlot()
        scenario.program(
            chief.context,
            scenario.operation(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fresh)))
        self.interrupt()
        explore {
            fixture.isUntouched(fresh, size: KernelCore.Notification.size) ? nil : "an interrupt tells other memory"
        }
    }

    /// The interrupt is bound to another notification, with other bits.
    @Test func anInterruptTellsOneOfTwoBindings() {
        let slot = makeInterrupt(of: scenario.fixture.region)
        bindInterrupt(slot, to: kept, 1)
        scenario.program(
            chief.context,
            scenario.operation(
                .interruptControl, slot, form: InterruptControl.bind.rawValue, UInt64(other), 2))
        interrupt()
        explore { [self] in
            let told = (bits(kept), bits(other))
            return told == (1, 0) || told == (0, 2) || told == (0, 0) ? nil : "told \(told)"
        }
    }

    // MARK: Doorbells

    private func hang(
        _ space: UInt32, _ notification: UInt32, _ bits: UInt64, at address: UInt64
    ) -> KernelScenario.Step {
        scenario.operation(.doorbell, space, address, UInt64(notification), bits)
    }

    private func ring(_ space: UInt32, after isTime: (() -> Bool)? = nil) {
        let table = scenario.fixture.object(space, as: AddressSpace.self).pointee.doorbells!
        scenario.name(table, "doorbells")
        let address = GuestAddress(Self.address)
        scenario.body(1) { core in
            if let isTime, !Interleaving.wait(until: isTime) { return }
            let isTaken = core.enter { kernelCore in
                guard let bell = K.bell(in: table, GuestStore(address, register: 0, size: 4)) else { return false }
                K.ring(kernelCore, bell)
                return true
            }
            if isTime != nil, !isTaken { Interleaving.fail("no doorbell at the address") }
        }
    }

    /// Two doorbells are bound, and then core 1 is told to ring the second one.
    @Test func aDoorbellRingsOnceItWasHung() {
        let fixture = scenario.fixture
        let space = fixture.makeMachineSpace(pages: 3), news = fixture.create(.notification)
        scenario.program(
            chief.context, hang(space, other, 2, at: Self.address + 8), hang(space, kept, 4, at: Self.address),
            scenario.signal(news, 1))
        ring(space) { [self] in bits(news) != 0 }
        explore { [self] in (bits(kept), bits(other)) == (4, 0) ? nil : "told \(bits(kept)), \(bits(other))" }
    }

    /// A doorbell is removed, and another one takes its place.
    @Test func aDoorbellOfAnotherAddressDoesNotRing() {
        let fixture = scenario.fixture
        let space = fixture.makeMachineSpace(pages: 3), victim = makePart(.notification)
        let object = fixture.object(victim, as: KernelCore.Notification.self)
        fixture.succeed(.doorbell, space, Self.address, UInt64(victim), 1)
        scenario.program(
            chief.context, scenario.untilDone(.revoke, victim), hang(space, other, 2, at: Self.address + 8))
        ring(space)
        explore { [self] in
            guard bits(other) == 0 else { return "another address rings" }
            return object.pointee.bits.load() <= 1 ? nil : "told \(object.pointee.bits.load())"
        }
    }

    /// The bucket of a doorbell gets others, and loses them. The doorbell stays in it.
    @Test func aDoorbellRingsWhileOthersOfItsBucketChange() {
        let fixture = scenario.fixture
        let space = fixture.makeMachineSpace(pages: 3), victim = makePart(.notification)
        let table = fixture.object(space, as: AddressSpace.self).pointee.doorbells!
        let twin = (1...).lazy.map { Self.address + UInt64($0) * 4 }.first {
            table.pointee.bucket($0) == table.pointee.bucket(Self.address)
        }!
        fixture.succeed(.doorbell, space, twin, UInt64(victim), 1)
        fixture.succeed(.doorbell, space, Self.address, UInt64(kept), 4)
        scenario.program(
            chief.context, scenario.untilDone(.revoke, victim), hang(space, other, 2, at: twin))
        ring(space) { true }
        explore { [self] in (bits(kept), bits(other)) == (4, 0) ? nil : "told \(bits(kept)), \(bits(other))" }
    }

    @Test func aDoorbellTellsNoNotificationThatWasTaken() {
        let fixture = scenario.fixture
        let space = fixture.makeMachineSpace(pages: 3), victim = makePart(.notification), fresh = fixture.freeSlot()
        scenario.name(fixture.object(victim, as: KernelCore.Notification.self), "victim")
        fixture.succeed(.doorbell, space, Self.address, UInt64(victim), 1)
        scenario.program(
            chief.context, scenario.untilDone(.revoke, part),
            scenario.operation(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fresh)))
        ring(space)
        explore {
            fixture.isUntouched(fresh, size: KernelCore.Notification.size) ? nil : "a doorbell tells other memory"
        }
    }
}
