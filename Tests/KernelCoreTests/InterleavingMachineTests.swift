import ABI
import Interleaving
import Testing

@testable import KernelCore
@testable import HardwareModel

/// Inter-processor interrupts of a machine whose virtual CPUs come and go, and exits and faults whose server is
/// destroyed.
@Suite struct InterleavingMachineTests {
    private let scenario = KernelScenario(cores: 2)
    private let part: UInt32
    /// The thread of core 1, which revokes, starts and numbers.
    private let chief: Tenant
    private static let size = 1 << 14

    init() {
        let fixture = scenario.fixture
        part = fixture.create(.region, UInt64(Self.size))
        chief = fixture.makeThread(priority: 20, core: 1)
    }

    private func make(_ kind: ObjectKind, _ parameter: UInt64 = 0) -> UInt32 {
        let fixture = scenario.fixture, slot = fixture.freeSlot()
        while fixture.operate(.create, part, form: UInt32(kind.rawValue), parameter, UInt64(slot)).status == .again {}
        return slot
    }

    /// All memory of `part`.
    private var words: UnsafeMutableBufferPointer<UInt64> {
        let region = scenario.fixture.object(part, as: Region.self)
        let start = region.pointee.start.value, end = region.pointee.end.value
        return UnsafeMutableBufferPointer(
            start: UnsafeMutablePointer(bitPattern: UInt(start)), count: Int(end &- start) / 8)
    }

    /// Lets core 1 revoke `part`, whose memory is 0 from then on.
    private func takeBack() {
        let words = words
        scenario.program(
            chief.context, scenario.untilAllIsDone(.revoke, part) { words.update(repeating: 0) })
    }

    private func checkFresh() -> String? {
        guard chief.context.pointee.frame.x[0] == Status.ok.rawValue else {
            return "not done: \(chief.context.pointee.frame.x[0])"
        }
        return words.allSatisfy { $0 == 0 } ? nil : "memory is used that belongs to something else"
    }

    // MARK: Inter-processor interrupts

    /// Makes a virtual CPU of core 1 and of the machine in `space`, with a number. Interrupt 3 is an enabled edge.
    private func makeVirtualCPU(_ slot: UInt32, in space: UInt32, number: UInt64?) -> Tenant {
        let fixture = scenario.fixture
        let tenant = Tenant(
            context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
            scheduling: fixture.makeScheduling(priority: 5, core: 1), space: space)
        fixture.configure(tenant, core: 1)
        if let number { fixture.succeed(.contextControl, slot, form: ContextControl.setAffinity.rawValue, number) }
        for (form, value) in [(.enable, 8), (.setForwarding, 1)] as [(VirtualInterruptControl, UInt64)] {
            fixture.succeed(.interruptControl, slot, form: form.rawValue, 0, value)
        }
        return tenant
    }

    /// Lets core 0 send an interrupt to the virtual CPU with number 1, as the board's handler of ICC_SGI1R_EL1 does.
    private func send(in space: UInt32, after isTime: (() -> Bool)? = nil) {
        let object = scenario.fixture.object(space, as: AddressSpace.self)
        scenario.name(object, "space")
        scenario.body(0) { core in
            if let isTime { _ = Interleaving.wait(until: isTime) }
            core.enter { if let target = object.pointee.virtualCPUs[1] { K.pend($0, target, 3) } }
        }
    }

    @Test(arguments: [false, true]) func anInterruptToAVirtualCPUThatGoesTouchesNothingElse(isLate: Bool) {
        let fixture = scenario.fixture
        let space = fixture.create(.addressSpace, 8), news = fixture.create(.notification)
        let machine = makeVirtualCPU(make(.virtualCPU), in: space, number: 1)
        fixture.start(machine)
        fixture.sleepRoot()
        scenario.name(machine.context, "context")
        scenario.name(machine.guest, "guest")
        takeBack()
        scenario.program(chief.context, scenario.signal(news, 1))
        let told = fixture.object(news, as: KernelCore.Notification.self)
        send(in: space, after: isLate ? { told.pointee.bits.load() != 0 } : nil)
        scenario.explore(.short) { [self] in checkFresh() }
    }

    /// The number moves from one virtual CPU to another. The interrupt reaches one of them, or none.
    @Test func anInterruptReachesOneVirtualCPUWithTheNumber() {
        let fixture = scenario.fixture
        let space = fixture.create(.addressSpace, 8)
        let old = makeVirtualCPU(fixture.create(.virtualCPU), in: space, number: 1)
        let new = makeVirtualCPU(fixture.create(.virtualCPU), in: space, number: nil)
        fixture.sleepRoot()
        let affinity = ContextControl.setAffinity.rawValue
        for (tenant, number) in [(old, 2), (new, 1)] as [(Tenant, UInt64)] {
            scenario.program(
                chief.context, scenario.operation(.contextControl, tenant.slot, form: affinity, number),
                { _, context in
                    if context.pointee.frame.x[0] != Status.ok.rawValue { Interleaving.fail("not numbered") }
                })
        }
        send(in: space)
        scenario.explore {
            let pended = [old, new].map { $0.guest.pointee.pending[0].load() }
            return pended == [8, 0] || pended == [0, 8] || pended == [0, 0] ? nil : "pended \(pended)"
        }
    }

    // MARK: Exits and faults

    /// Makes a waiting server of core 0 in `part`.
    private func makeServer() -> Tenant {
        let fixture = scenario.fixture, slot = make(.thread)
        let server = Tenant(
            context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
            scheduling: fixture.makeScheduling(priority: 25))
        fixture.configure(server)
        fixture.start(server)
        scenario.name(server.context, "server")
        return server
    }

    /// The server of a context's exits is destroyed, with its portal or without. Each exit is answered, or the context
    /// has stopped with the reason in its record.
    @Test(arguments: [(false, true), (true, true), (false, false), (true, false)])
    func anExitIsServedOrStopsItsContext(isVirtualCPU: Bool, portalIsKept: Bool) {
        let fixture = scenario.fixture
        let server = makeServer()
        let portal: UInt32
        if portalIsKept {
            portal = fixture.makePortal(to: server)
        } else {
            portal = make(.portal, UInt64(server.slot))
        }
        scenario.name(fixture.object(portal, as: KernelCore.Portal.self), "portal")
        let client: Tenant
        if isVirtualCPU {
            client = fixture.makeVirtualCPU(priority: 10, portal: portal)
        } else {
            client = fixture.makeThread(priority: 10, starts: false)
            fixture.configure(client, portal: portal)
            fixture.start(client)
        }
        scenario.name(client.context, "client")
        fixture.sleepRoot()
        scenario.endlessly(
            server.context, scenario.operation(.replyWait, form: ReplyForm.reply | ReplyForm.wait))
        let message = Message(0x5600_0000, 0x4000, 0, 0, 0, 0)
        for _ in 0..<2 {
            scenario.program(
                client.context,
                { core, context in
                    if isVirtualCPU, core.enter({ K.exitFast($0, context, message) }) != nil { return core.check() }
                    KernelScenario.enter(core) { K.exit($0, context, message) }
                })
        }
        takeBack()
        // A client that has stopped plays no second exit.
        scenario.mayEndEarly = true
        scenario.explore(.short) { [self] in
            switch client.state {
            case .ready: break
            case .stopped where client.context.pointee.fault.tag != 0: break
            case .stopped where isVirtualCPU: break
            default: return "is \(client.state)"
            }
            return checkFresh()
        }
    }
}
