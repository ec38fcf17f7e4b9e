import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// A notification is bound anew while others raise it. The design is `Kernel/Proofs/bind.pml`.
@Suite struct InterleavingBindTests {
    /// Core 1 binds while core 0 raises. The hearer is a thread of either core, or a virtual CPU that does not run.
    private final class Board {
        let scenario: KernelScenario
        let notification: UInt32
        let thread: Tenant, machine: Tenant, binder: Tenant
        var fixture: Fixture { scenario.fixture }

        /// Makes the board.
        ///
        /// - Parameter core: the core of the thread.
        init(cores: Int, threadOn core: Int) {
            scenario = KernelScenario(cores: cores)
            let fixture = scenario.fixture
            notification = fixture.create(.notification)
            thread = fixture.makeThread(priority: 8, core: core)
            machine = fixture.makeVirtualCPU(priority: 5, core: 0, starts: false)
            binder = fixture.makeThread(priority: 10, core: 1)
            scenario.name(fixture.object(notification, as: KernelCore.Notification.self), "notification")
            let listening = scenario.listening
            scenario.endlessly(thread.context) { core, context in
                if context.pointee.frame.x[0] == Status.notified.rawValue { context.pointee.frame.x[21] &+= 1 }
                listening(core, context)
            }
        }

        func raiser(core: Int, _ bits: UInt64...) {
            let raiser = fixture.makeThread(priority: 10, core: core)
            for bit in bits { scenario.program(raiser.context, scenario.signal(notification, bit)) }
            scenario.endlessly(raiser.context, scenario.wait)
        }

        /// Lets a machine of core 0 ring a doorbell of the notification.
        func ringer(_ bits: UInt64...) {
            let ringer = fixture.makeVirtualCPU(priority: 10, core: 0)
            let table = fixture.object(ringer.space, as: AddressSpace.self).pointee.doorbells!
            for (number, bit) in bits.enumerated() {
                let address = GuestAddress(0x1000 + UInt64(number) * 8)
                fixture.succeed(.doorbell, ringer.space, address.value, UInt64(notification), bit)
                scenario.program(ringer.context) { core, context in
                    let bell = core.run { K.bell(in: table, GuestStore(address, register: 0, size: 4)) }
                    guard let bell else { return Interleaving.fail("no doorbell") }
                    let isDone = core.enter { kernelCore in
                        guard K.raiseFast(kernelCore, context, bell) ?? K.wakeFast(kernelCore, bell) != nil else {
                            return false
                        }
                        core.check()
                        return true
                    }
                    if !isDone { KernelScenario.enter(core) { K.ring($0, bell) } }
                }
            }
            scenario.endlessly(ringer.context) { core, context in
                KernelScenario.enter(core) { K.waitForInterrupt($0, context) }
            }
        }

        func bind(_ forms: NotificationBind...) {
            for form in forms {
                let tenant = form == .thread ? thread : machine
                scenario.program(
                    binder.context,
                    scenario.operation(.notificationBind, notification, form: form.rawValue, UInt64(tenant.slot), 33),
                    { _, context in
                        if context.pointee.frame.x[0] != Status.ok.rawValue { Interleaving.fail("not bound") }
                    })
            }
            scenario.endlessly(binder.context, scenario.wait)
        }

        private var bits: UInt64 {
            fixture.object(notification, as: KernelCore.Notification.self).pointee.bits.load()
        }

        /// Requires that the last hearer gets each bit that nobody took before.
        ///
        /// - Parameter hearings: the number of times that the thread may be notified.
        func explore(
            raised: UInt64, lastIsThread: Bool, hearings: UInt64 = .max,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            fixture.sleepRoot()
            scenario.explore(sourceLocation: sourceLocation) { [self] in
                let heard = scenario.heard(thread.context)
                guard thread.context.pointee.frame.x[21] <= hearings else { return "heard of it again" }
                guard lastIsThread else {
                    guard bits == 0 else { return "bits \(bits) are left with a virtual CPU" }
                    let isPended = machine.guest.pointee.pending[1].load() & 2 != 0
                    return isPended || heard == raised ? nil : "not interrupted"
                }
                guard thread.state != .waiting || bits == 0 else { return "sleeps with bits" }
                return heard | bits == raised ? nil : "heard \(heard), left \(bits)"
            }
        }
    }

    @Test(arguments: [true, false]) func aThreadOfTheBindersCoreHearsOfEachBit(usesFastPath: Bool) {
        let board = Board(cores: 2, threadOn: 1)
        board.fixture.usesFastPath = usesFastPath
        board.raiser(core: 0, 4, 8)
        board.bind(.thread)
        board.explore(raised: 12, lastIsThread: true)
    }

    @Test func aThreadOfTheRaisersCoreHearsOfEachBit() {
        let board = Board(cores: 2, threadOn: 0)
        board.raiser(core: 0, 4, 8)
        board.bind(.thread)
        board.explore(raised: 12, lastIsThread: true)
    }

    @Test func aVirtualCPUIsInterruptedForBitsThatNobodyTook() {
        let board = Board(cores: 2, threadOn: 0)
        board.raiser(core: 0, 4)
        board.bind(.thread, .virtualInterrupt)
        board.explore(raised: 4, lastIsThread: false)
    }

    /// A machine rings the same doorbell twice. The second time its bit may be set already.
    @Test(arguments: [0, 1]) func aThreadHearsOfEachDoorbell(core: Int) {
        let board = Board(cores: 2, threadOn: core)
        board.ringer(4, 8, 4)
        board.bind(.thread)
        board.explore(raised: 12, lastIsThread: true)
    }

    /// A timer raises bits while another core binds its notification anew. No fast path does so.
    @Test func aTimersBitsReachTheNewHearer() {
        let board = Board(cores: 2, threadOn: 0)
        let fixture = board.fixture
        fixture.succeed(
            .notificationBind, board.notification, form: NotificationBind.thread.rawValue, UInt64(board.thread.slot))
        fixture.succeed(.timer, board.notification, form: TimerForm.set.rawValue, fixture.model.now.value + 10, 4)
        board.scenario.atStart = { fixture.model.advance(by: 20) }
        board.bind(.virtualInterrupt)
        board.explore(raised: 4, lastIsThread: false)
    }

    /// The binder's core tells the thread of a bit before the raiser looks at the sink again.
    @Test(arguments: [true, false]) func aThreadHearsOfABitOnce(usesFastPath: Bool) {
        let board = Board(cores: 2, threadOn: 1)
        board.fixture.usesFastPath = usesFastPath
        board.raiser(core: 0, 4)
        board.bind(.thread)
        board.explore(raised: 4, lastIsThread: true, hearings: 1)
    }

    @Test func threeCoresLoseNoBitOverTwoBindings() {
        let board = Board(cores: 3, threadOn: 0)
        board.raiser(core: 0, 1, 2)
        board.raiser(core: 2, 4, 8)
        board.bind(.thread, .virtualInterrupt)
        board.explore(raised: 15, lastIsThread: false)
    }
}
