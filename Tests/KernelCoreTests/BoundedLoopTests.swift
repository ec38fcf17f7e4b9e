import ABI
import Foundation
import HardwareModel
import SharedAccess
import Testing

@testable import KernelCore

/// The kernel's loops over words that other cores write. Each loop ends, for any writes of the other cores.
@Suite struct BoundedLoopTests {
    private let fixture = Fixture(cores: 2)

    private func makeMachine() -> Tenant {
        let machine = fixture.makeVirtualCPU()
        control(machine, .setForwarding, 0, 1)
        control(machine, .enable, 0, 0xFFFF_FFFF)
        control(machine, .enable, 1, 0xFFFF_FFFF)
        return machine
    }

    private func control(_ machine: Tenant, _ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
    }

    /// A timer's line is level-sensitive, and only the timer drives it.
    @Test(arguments: [27, 30] as [UInt64])
    func nobodyDrivesATimersLine(interrupt: UInt64) {
        let machine = makeMachine()
        control(machine, .setEdge, 0, 0xFFFF_FFFF)
        #expect(machine.guest.pointee.edge[0].load() == 0xFFFF_FFFF & ~VirtualInterrupts.hardwareMask)
        let form = VirtualInterruptControl.setLevel.rawValue
        #expect(fixture.operate(.interruptControl, machine.slot, form: form, interrupt, 1).status == .badArgument)
        let notification = fixture.create(.notification)
        let bind = NotificationBind.virtualInterrupt.rawValue
        #expect(
            fixture.operate(.notificationBind, notification, form: bind, UInt64(machine.slot), interrupt).status
                == .badArgument)
        #expect(
            fixture.operate(.notificationBind, notification, form: bind, UInt64(machine.slot), interrupt + 32).status
                == .ok)
    }

    /// Another core makes everything pending again whenever the kernel has looked at an interrupt.
    @Test func synchroniseEndsThoughOthersPendAgain() {
        let machine = makeMachine()
        fixture.sleepRoot()
        #expect(fixture.current() == machine.context)
        let core = fixture.model.cores[0]
        var looks = 0
        core.beforeTimerIsRead = {
            looks += 1
            if looks < 1000 { machine.guest.pointee.level[0].set(VirtualInterrupts.hardwareMask) }
        }
        machine.guest.pointee.level[0].set(VirtualInterrupts.hardwareMask)
        core.enter { _ in K.synchronise(machine.guest) }
        core.beforeTimerIsRead = nil
        #expect(looks <= K.placements)
    }

    @Test func aBellThatIsRungAnewAgainAndAgainIsLeft() {
        let machine = makeMachine()
        let notification = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        let table = fixture.object(machine.space, as: AddressSpace.self).pointee.doorbells!
        fixture.model.cores[0].run { K.hang(table.pointee.doorbells[0].bell, notification, 1, address: 64) }
        var looks = 0
        let core = fixture.model.cores[0]
        core.betweenLoads = {
            looks += 1
            if looks < 1000 { K.hang(table.pointee.doorbells[0].bell, notification, 1, address: 64) }
        }
        let told = core.run { K.look(table.pointee.doorbells[0].bell, address: 64) != nil }
        core.betweenLoads = nil
        #expect(!told && looks == 8)
    }

    /// Plays one host thread's accesses to memory, and changes an object's word before each attempt to replace it.
    private final class Contender: AccessObserver {
        let object: Range<UInt>
        private(set) var attempts = 0

        init(_ object: Range<UInt>) { self.object = object }

        private func pointer<Word>(_ place: SharedLocation, _ type: Word.Type) -> UnsafeMutablePointer<Word> {
            UnsafeMutablePointer(bitPattern: place.address)!
        }
        private func read(_ place: SharedLocation) -> UInt64 {
            place.width == 8 ? pointer(place, UInt64.self).pointee : UInt64(pointer(place, UInt8.self).pointee)
        }
        private func write(_ place: SharedLocation, _ value: UInt64) {
            if place.width == 8 {
                pointer(place, UInt64.self).pointee = value
            } else {
                pointer(place, UInt8.self).pointee = UInt8(truncatingIfNeeded: value)
            }
        }

        override func load(_ place: SharedLocation, _ order: LoadOrder) -> UInt64 { read(place) }
        override func store(_ place: SharedLocation, _ value: UInt64, _ order: StoreOrder) { write(place, value) }
        override func update(
            _ place: SharedLocation, _ order: UpdateOrder, _ change: (UInt64) -> UInt64?
        ) -> UInt64 {
            let isContended = object.contains(place.address) && attempts < 1000
            if isContended {
                // Another core claims the timer and releases it, before and after the attempt.
                attempts += 1
                write(place, 2)
            }
            let old = read(place)
            if let new = change(old) { write(place, new) }
            if isContended { write(place, 0) }
            return old
        }
        override func order(_ barrier: Barrier) {}
        override func relax() {}
        override func willZero(_ address: UInt, size: UInt) {}
        override func beginWhole() {}
        override func endWhole() {}
    }

    /// Another core repeatedly claims a notification's timer and releases it.
    @Test(arguments: [false, true]) func aTimerThatIsClaimedAgainAndAgainIsLeft(destroys: Bool) async {
        let slot = fixture.create(.notification)
        nonisolated(unsafe) let notification = fixture.object(slot, as: KernelCore.Notification.self)
        nonisolated(unsafe) let fixture = fixture
        // The timer's owner is the only word of the structure that these operations replace.
        let start = UInt(notification.address.value)
        nonisolated(unsafe) let contender = Contender(start..<start + UInt(KernelCore.Notification.bindings))
        nonisolated(unsafe) var status: Status?
        // The lock lets the thread sanitizer see that the thread has ended.
        let lock = NSLock()
        nonisolated(unsafe) var hasEnded = false
        // The test uses a host thread of its own, so that the accesses of other tests are not observed.
        let thread = Thread {
            SharedAccess.observeThread(by: contender)
            status =
                destroys
                ? fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status
                : fixture.operate(.timer, slot, form: TimerForm.set.rawValue, 1000, 1).status
            lock.withLock { hasEnded = true }
        }
        SharedAccess.beginExploration()
        thread.start()
        while !lock.withLock({ hasEnded }) || !thread.isFinished { sched_yield() }
        SharedAccess.endExploration()
        #expect(status == (destroys ? .again : .wrongCore) && contender.attempts == 8)
        #expect(fixture.core(0).pointee.notificationTimers.first == nil && !fixture.isEmpty(slot))
        fixture.delete(slot)
    }
}
