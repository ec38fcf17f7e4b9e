import ABI
import Interleaving
import Testing

@testable import KernelCore
@testable import HardwareModel

/// A virtual CPU has one list register, so that interrupts displace each other, while other cores make them pending and
/// change their state. None is lost, and none comes twice.
@Suite struct InterleavingEvictionTests {
    private let scenario = KernelScenario(cores: 3, listRegisters: 1)
    private let machine: Tenant
    private let others: [Tenant]
    private static let first: UInt32 = 33, urgent: UInt32 = 34, level: UInt32 = 35

    init() {
        let fixture = scenario.fixture
        let machine = fixture.makeVirtualCPU(priority: 5, core: 0)
        self.machine = machine
        scenario.name(machine.guest, "guest")
        scenario.name(machine.context, "context")
        let beginning: [(VirtualInterruptControl, UInt64, UInt64)] = [
            (.setEdge, 1, 6), (.enable, 1, 14), (.setPriority, 33, 0x80), (.setPriority, 34, 0x40),
            (.setPriority, 35, 0x80), (.setForwarding, 0, 1),
        ]
        for (form, index, value) in beginning {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
        }
        others = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        fixture.sleepRoot()
    }

    private func control(_ form: VirtualInterruptControl, _ index: UInt64, _ value: UInt64) -> KernelScenario.Step {
        scenario.operation(.interruptControl, machine.slot, form: form.rawValue, index, value)
    }
    private func pend(_ interrupt: UInt32) -> KernelScenario.Step {
        control(.setPending, UInt64(interrupt / 32), 1 << UInt64(interrupt % 32))
    }

    // MARK: The guest

    private func settle(_ core: ModelCore) {
        while core.pendingInterrupt != nil { KernelScenario.enter(core) { _ in _ = core.takeInterrupt() } }
    }

    /// Takes the most urgent interrupt, and more urgent ones before its end.
    private func serve(_ core: ModelCore) {
        let interrupt = core.acknowledge()
        guard interrupt < 1023 else { return }
        machine.context.pointee.frame.x[10 + Int(interrupt - Self.first)] &+= 1
        settle(core)
        while core.interruptLine {
            serve(core)
            settle(core)
        }
        core.end(interrupt)
    }

    private func playGuest() {
        scenario.body(0) { core in
            repeat {
                settle(core)
                while core.interruptLine {
                    serve(core)
                    settle(core)
                }
            } while Interleaving.wait(until: { core.pendingInterrupt != nil || core.interruptLine })
        }
    }

    private func count(_ interrupt: UInt32) -> Int {
        Int(machine.context.pointee.frame.x[10 + Int(interrupt - Self.first)])
    }

    /// Explores the interleavings.
    ///
    /// - Parameter counts: the number of times that each of the three interrupts must have been taken.
    private func explore(_ counts: [ClosedRange<Int>], sourceLocation: SourceLocation = #_sourceLocation) {
        playGuest()
        scenario.explore(.short, sourceLocation: sourceLocation) { [self] in
            let guest = machine.guest
            for (interrupt, range) in zip(Self.first...Self.level, counts) where !range.contains(count(interrupt)) {
                return "interrupt \(interrupt) was taken \(count(interrupt)) times"
            }
            guard guest.pointee.pending[1].load() == 0, guest.pointee.active[1].load() == 0 else {
                return "something is left"
            }
            let isFree = scenario.fixture.model.cores[0].run { ModelHardware.listRegister(0).isFree }
            return isFree ? nil : "the list register is in use"
        }
    }

    // MARK: Tests

    @Test func edgesThatTakeEachOthersPlaceComeOnceEach() {
        scenario.program(others[0].context, pend(Self.first))
        scenario.program(others[1].context, pend(Self.urgent))
        explore([1...1, 1...1, 0...0])
    }

    /// The priorities change while both are pending, so that the other one takes the place.
    @Test func edgesWhosePrioritiesChangeComeOnceEach() {
        scenario.program(others[0].context, pend(Self.first), pend(Self.urgent))
        scenario.program(others[1].context, control(.setPriority, 33, 0x20), control(.setPriority, 34, 0xA0))
        explore([1...1, 1...1, 0...0])
    }

    /// The interrupt is disabled and enabled while it waits without a list register.
    @Test func anEdgeThatIsDisabledForAWhileComesOnce() {
        scenario.program(others[0].context, pend(Self.first), pend(Self.urgent))
        scenario.program(others[1].context, control(.disable, 1, 2), control(.enable, 1, 2))
        explore([1...1, 1...1, 0...0])
    }

    /// A monitor makes a pending interrupt active, and then inactive.
    @Test func anEdgeThatIsActiveForAWhileComesInTheEnd() {
        scenario.program(others[0].context, pend(Self.first), pend(Self.urgent))
        scenario.program(others[1].context, control(.setActive, 1, 2), control(.clearActive, 1, 2))
        // While the guest handles it, it may also become active in the words, and is then not taken again.
        explore([1...1, 1...1, 0...0])
    }

    /// An edge that a monitor clears is taken at most once.
    @Test func anEdgeThatIsClearedComesOnceAtMost() {
        scenario.program(others[0].context, pend(Self.first), pend(Self.urgent))
        scenario.program(others[1].context, control(.clearPending, 1, 2))
        explore([0...1, 1...1, 0...0])
    }

    /// A pending interrupt becomes level-sensitive: its line is low, and the pending state stays.
    @Test func anEdgeThatBecomesALevelComesOnce() {
        scenario.program(others[0].context, pend(Self.first), pend(Self.urgent))
        scenario.program(others[1].context, control(.setEdge, 1, 4))
        explore([1...1, 1...1, 0...0])
    }
}
