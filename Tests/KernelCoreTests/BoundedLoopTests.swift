import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Kernel loops over words that other cores write: each ends, whatever those do meanwhile.
@Suite struct BoundedLoopTests {
    private let bench = Bench(cores: 2)

    private func makeMachine() -> Tenant {
        let machine = bench.makeVirtualCPU()
        control(machine, .setForwarding, 0, 1)
        control(machine, .enable, 0, 0xFFFF_FFFF)
        control(machine, .enable, 1, 0xFFFF_FFFF)
        return machine
    }

    private func control(_ machine: Tenant, _ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) {
        bench.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
    }

    /// A timer's interrupt pends when its line says so, and no operation changes that.
    @Test(arguments: [27, 30] as [UInt64])
    func nobodyPendsATimerByHand(interrupt: UInt64) {
        let machine = makeMachine()
        control(machine, .setPending, 0, 1 << interrupt | 1 << 5)
        #expect(machine.guest.pointee.pending[0].load() == 1 << 5)
        control(machine, .setEdge, 0, 0xFFFF_FFFF)
        let form = VirtualInterruptControl.setLevel.rawValue
        #expect(bench.operate(.interruptControl, machine.slot, form: form, interrupt, 1).status == .badArgument)
        let notification = bench.create(.notification)
        let bind = NotificationBind.virtualInterrupt.rawValue
        #expect(
            bench.operate(.notificationBind, notification, form: bind, UInt64(machine.slot), interrupt).status
                == .badArgument)
        #expect(
            bench.operate(.notificationBind, notification, form: bind, UInt64(machine.slot), interrupt + 32).status
                == .ok)
    }

    /// Another core pends everything again whenever the kernel has looked at something.
    @Test func synchroniseEndsThoughOthersPendAgain() {
        let machine = makeMachine()
        bench.sleepRoot()
        #expect(bench.current() == machine.context)
        let core = bench.model.cores[0]
        var looks = 0
        core.beforeTimerIsRead = {
            looks += 1
            if looks < 1000 { machine.guest.pointee.pending[0].set(VirtualInterrupts.hardwareMask) }
        }
        machine.guest.pointee.pending[0].set(VirtualInterrupts.hardwareMask)
        core.enter { _ in K.synchronise(machine.guest) }
        core.beforeTimerIsRead = nil
        #expect(looks <= K.placements)
    }

    @Test func aBellThatIsRungAnewAgainAndAgainIsLeft() {
        let machine = makeMachine()
        let notification = bench.object(bench.create(.notification), as: KernelCore.Notification.self)
        let bell = bench.object(machine.space, as: AddressSpace.self)
        bench.model.cores[0].run { K.hang(bell.pointee.doorbells[0], notification, 1, address: 64) }
        var looks = 0
        let core = bench.model.cores[0]
        core.betweenLoads = {
            looks += 1
            if looks < 1000 { K.hang(bell.pointee.doorbells[0], notification, 1, address: 64) }
        }
        let told = core.run { K.look(bell.pointee.doorbells[0], address: 64) != nil }
        core.betweenLoads = nil
        #expect(!told && looks == K.attempts)
    }
}
