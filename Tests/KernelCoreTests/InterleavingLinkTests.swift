import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// Another core changes or revokes the links of a context and of a portal, while the context's own core follows them.
@Suite struct InterleavingLinkTests {
    private let scenario = KernelScenario(cores: 3)
    private let part: UInt32, fresh: UInt32
    /// The tenants of core 0.
    private let client: Tenant, servers: [Tenant]
    private let chief: Tenant, other: Tenant
    private static let size = 1 << 15

    init() {
        let fixture = scenario.fixture
        part = fixture.create(.region, UInt64(Self.size))
        fresh = fixture.freeSlot()
        servers = (0...1).map { _ in fixture.makeThread(priority: 20) }
        client = fixture.makeThread(priority: 10)
        chief = fixture.makeThread(priority: 10, core: 1)
        other = fixture.makeThread(priority: 10, core: 2)
        for (tenant, name) in [(client, "client"), (servers[0], "server"), (servers[1], "other server")] {
            scenario.name(tenant.context, name)
        }
        fixture.sleepRoot()
        for server in servers { fixture.wait(server) }
    }

    /// Lets root make an object of `part`, and returns its slot.
    private func make(_ kind: ObjectKind, _ parameter: UInt64 = 0, alignment: UInt64 = 0) -> UInt32 {
        let fixture = scenario.fixture
        let slot = fixture.freeSlot()
        fixture.raiseRoot()
        fixture.succeed(.create, part, form: UInt32(kind.rawValue), parameter, UInt64(slot), alignment)
        fixture.sleepRoot()
        return slot
    }

    private func succeed(_ operation: ABI.Operation, _ slot: UInt32, form: UInt32, _ words: UInt64...) {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let answer = fixture.operate(fixture.root, operation.rawValue, Selector(slot: slot, form: form), words)
        #expect(answer.status == .ok)
        fixture.sleepRoot()
    }

    /// Lets core 1 revoke `part`, and make a notification of its memory, which is 0 from then on.
    private func takeBack() {
        let words = words
        scenario.program(
            chief.context, scenario.untilAllIsDone(.revoke, part) { words.update(repeating: 0) })
        scenario.program(
            chief.context,
            scenario.operation(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fresh)))
    }

    private func explore(
        _ extent: Extent = .short, sourceLocation: SourceLocation = #_sourceLocation, _ check: @escaping () -> String?
    ) {
        scenario.explore(Extent.isFull ? .short : extent, sourceLocation: sourceLocation, check)
    }

    /// All memory of `part`.
    private var words: UnsafeMutableBufferPointer<UInt64> {
        let region = scenario.fixture.object(part, as: Region.self)
        let start = region.pointee.start.value, end = region.pointee.end.value
        return UnsafeMutableBufferPointer(
            start: UnsafeMutablePointer(bitPattern: UInt(start)), count: Int(end &- start) / 8)
    }

    /// Checks that the memory stays as it was after the revocation.
    private func checkFresh() -> String? {
        guard chief.context.pointee.frame.x[0] == Status.ok.rawValue, !scenario.fixture.isEmpty(fresh) else {
            return "not done: \(chief.context.pointee.frame.x[0])"
        }
        return words.allSatisfy { $0 == 0 } ? nil : "memory is used that belongs to something else"
    }

    private var answer: KernelScenario.Step { scenario.operation(.replyWait, form: ReplyForm.reply | ReplyForm.wait) }

    // MARK: Portals

    /// Two calls run while the portal leads to one server and the other in turn. Each gets one answer, and the
    /// generation that comes with a call never decreases.
    @Test func aCallReachesOneOfTwoServers() {
        let portal = make(.portal, UInt64(servers[0].slot))
        scenario.name(scenario.fixture.object(portal, as: Portal.self), "portal")
        let call = scenario.operation(.call, portal), object = scenario.fixture.object(portal, as: Portal.self)
        // Keeps the generation that came with each answer.
        for place in 22...23 {
            scenario.program(
                client.context, call,
                { _, context in
                    context.pointee.frame.x[place] = context.pointee.frame.x[1]
                    // The second server's number is 1, and it was bound by the second binding.
                    if context.pointee.frame.x[2] == 1, context.pointee.frame.x[1] < 2 {
                        Interleaving.fail("an old generation with a new server")
                    }
                })
        }
        for (number, server) in servers.enumerated() {
            let answer = scenario.operation(
                .replyWait, form: ReplyForm.reply | ReplyForm.wait, UInt64(number))
            scenario.endlessly(server.context) { core, context in
                context.pointee.frame.x[21] &+= 1
                answer(core, context)
            }
        }
        for server in [servers[1], servers[0]] {
            scenario.program(
                chief.context,
                scenario.operation(
                    .contextControl, server.slot, form: ContextControl.bindPortal.rawValue, UInt64(portal)))
        }
        explore { [self] in
            guard client.context.pointee.frame.x[0] & 0xFF == Status.ok.rawValue else { return "not answered" }
            let calls = servers.map { $0.context.pointee.frame.x[21] }.reduce(0, &+)
            guard servers.allSatisfy({ $0.state == .waiting }), calls == 2 else { return "\(calls) calls were served" }
            let generations = [1, client.context.pointee.frame.x[22], client.context.pointee.frame.x[23], 3]
            guard object.pointee.generation == 3, generations == generations.sorted() else {
                return "the generation goes back: \(generations)"
            }
            return chief.context.pointee.frame.x[0] == Status.ok.rawValue ? nil : "not bound"
        }
    }

    /// The server and its portal are destroyed. A call gets an answer, or its portal is dead, and the kernel uses
    /// neither of them later.
    @Test func aCallToAServerThatGoesAwayEnds() {
        let fixture = scenario.fixture
        let slot = make(.thread)
        let portal = make(.portal, 0)
        fixture.raiseRoot()
        let server = Tenant(
            context: fixture.object(slot, as: ExecutionContext.self), slot: slot,
            scheduling: fixture.makeScheduling(priority: 20))
        fixture.configure(server)
        fixture.succeed(.contextControl, slot, form: ContextControl.bindPortal.rawValue, UInt64(portal))
        fixture.start(server)
        fixture.sleepRoot()
        fixture.wait(server)
        let call = scenario.operation(.call, portal)
        scenario.program(client.context, call, call)
        scenario.endlessly(server.context, answer)
        takeBack()
        explore { [self] in
            guard client.state != .calling else { return "calls for ever" }
            let status = client.context.pointee.frame.x[0] & 0xFF
            guard [Status.ok, .dead, .badCapability].contains(where: { $0.rawValue == status }) else {
                return "was told \(status)"
            }
            return checkFresh()
        }
    }

    // MARK: Links of a context

    /// The server's message page is taken while a long message comes.
    @Test func nothingIsWrittenIntoAMessagePageThatWasTaken() {
        let fixture = scenario.fixture
        let page = make(.extent, Page.size, alignment: Page.size)
        let own = fixture.freeSlot()
        fixture.raiseRoot()
        fixture.succeed(
            .create, fixture.region, form: UInt32(ObjectKind.extent.rawValue), Page.size, UInt64(own), Page.size)
        fixture.sleepRoot()
        for (tenant, extent) in [(servers[0], page), (client, own)] {
            succeed(
                .contextControl, tenant.slot, form: ContextControl.setMessagePage.rawValue, UInt64(extent), 0)
        }
        fixture.raiseRoot()
        let portal = fixture.makePortal(to: servers[0])
        fixture.sleepRoot()
        for index in 0..<8 { fixture.memory(own)[index] = 0x1111 }
        scenario.program(
            client.context, scenario.operation(.call, portal, form: MessageShape(length: 8).bits))
        scenario.endlessly(servers[0].context, answer)
        takeBack()
        explore { [self] in
            guard client.context.pointee.frame.x[0] & 0xFF == Status.ok.rawValue else { return "not answered" }
            return checkFresh()
        }
    }

    /// The notification of a thread that waits, and that another core signals.
    @Test func aThreadLosesANotificationThatIsTaken() {
        let bits = make(.notification)
        succeed(.notificationBind, bits, form: NotificationBind.thread.rawValue, UInt64(client.slot))
        scenario.endlessly(client.context, scenario.listening)
        scenario.program(other.context, scenario.signal(bits, 1))
        takeBack()
        explore { [self] in
            guard client.state == .waiting, client.context.pointee.notification == nil else { return "it has it still" }
            let heard = scenario.heard(client.context)
            guard heard == 0 || heard == 1 else { return "heard \(heard)" }
            return checkFresh()
        }
    }

    /// The time of a thread is in another core's run queue, and only that core takes it out.
    @Test func timeThatIsTakenIsInNoRunQueue() {
        let fixture = scenario.fixture
        let slot = make(.schedulingContext), time = fixture.object(slot, as: SchedulingContext.self)
        succeed(.scheduleControl, slot, form: ScheduleControl.configure.rawValue, 2, 5, 1000)
        fixture.raiseRoot()
        let thread = fixture.create(.thread)
        let owner = Tenant(context: fixture.object(thread, as: ExecutionContext.self), slot: thread, scheduling: slot)
        fixture.configure(owner, core: 2)
        fixture.start(owner)
        fixture.sleepRoot()
        scenario.name(time, "time")
        // `other` is more urgent and keeps core 2, so that the time stays in the queue.
        takeBack()
        explore { [self] in
            guard owner.state == .stopped, owner.context.pointee.home == nil else { return "it has its time still" }
            let core = fixture.core(2)
            guard core.pointee.runQueue.heads[5] == nil, core.pointee.scheduling != time,
                core.pointee.parked.head != time
            else { return "a queue leads to time that is gone" }
            return checkFresh()
        }
    }

    /// Core 2's thread gets a table of `part` with a notification, the space and a page in these slots. They are the
    /// last of many, because the table is emptied in pieces.
    private static let bitsSlot: UInt64 = 37, spaceSlot: UInt64 = 38, pageSlot: UInt64 = 39
    private func giveTable() -> (bits: UInt32, page: UInt32) {
        let fixture = scenario.fixture
        let table = make(.capabilityTable, 40)
        fixture.raiseRoot()
        let bits = fixture.create(.notification)
        let page = fixture.create(.extent, Page.size, alignment: Page.size)
        let first = fixture.create(.extent, Page.size, alignment: Page.size)
        for (place, source) in [bits, InitialSlot.space, page].enumerated() {
            fixture.succeed(.derive, source, UInt64(table), Self.bitsSlot + UInt64(place), 15, 0, 0)
        }
        // The tables for the page exist now.
        fixture.succeed(
            .map, InitialSlot.space, UInt64(first), 0x40_0000, 0, Page.size, UInt64(Rights.readWrite.rawValue),
            UInt64(fixture.freeSlot()))
        fixture.stop(other)
        fixture.succeed(
            .contextControl, other.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table),
            0, UInt64(other.scheduling), 2)
        fixture.start(other)
        fixture.sleepRoot()
        return (bits, page)
    }

    /// A thread looks something up in its table, which is destroyed.
    @Test func aThreadLosesATableThatIsTaken() {
        let (bits, _) = giveTable()
        scenario.program(
            other.context, scenario.signal(UInt32(Self.bitsSlot), 1), scenario.signal(UInt32(Self.bitsSlot), 2))
        takeBack()
        explore { [self] in
            let told = scenario.fixture.object(bits, as: KernelCore.Notification.self).pointee.bits.load()
            let status = other.context.pointee.frame.x[0]
            guard status == (told & 2 != 0 ? Status.ok : .badCapability).rawValue else {
                return "told \(status), bits \(told)"
            }
            return checkFresh()
        }
    }

    /// A thread waits for the lock to put something into its table, which is destroyed.
    @Test func nothingIsPutIntoATableThatWasTaken() {
        _ = giveTable()
        scenario.program(
            other.context,
            scenario.operation(
                .map, UInt32(Self.spaceSlot), Self.pageSlot, 0x40_1000, 0, Page.size, UInt64(Rights.readWrite.rawValue),
                6))
        takeBack()
        explore(Extent(deviations: 1, schedules: 300, random: 30)) { [self] in
            let status = other.context.pointee.frame.x[0]
            guard [Status.ok, .badCapability, .badState].contains(where: { $0.rawValue == status }) else {
                return "told \(status)"
            }
            return checkFresh()
        }
    }
}
