import ABI
import Foundation
import Testing

@testable import SystemImage

/// The plan of small systems, and its records in the image.
@Suite struct PlanTests {
    private let kernel: KernelImage
    private let program: Program

    init() throws {
        let segment = ELFBuilder.Segment(flags: 5, address: 0, data: arm64Image(fileSize: 0x1800))
        kernel = try KernelImage(elf: ELFBuilder(entry: 0, segments: [segment]).build())
        program = try Program(elf: ELFBuilder.component.build())
    }

    private func component(_ name: String, core: Int = 0) -> Tenant {
        Tenant(kind: .component, name: name, program: program, priority: 16, core: core, heapSize: 0x1_0000)
    }

    private func machine(_ name: String, cpus: Int = 1) -> Tenant {
        let hardware = MachineImage(
            memory: MemoryRange(base: MachineImage.ramBase, size: 16 << 20), virtualCPUs: cpus, entry: 0x4000_0000,
            argument: 0, modules: [.init(address: 0x4000_0000, data: Data(repeating: 1, count: 5000))], restarts: true)
        return Tenant(kind: .machine, name: name, program: program, priority: 8, machine: hardware)
    }

    private func writer(_ tenants: [Tenant], cores: Int = 2) -> SystemImageWriter {
        var driver = component("serial")
        driver.kind = .consoleDriver
        return SystemImageWriter(
            kernel: kernel, board: .forTests(cores: cores, ram: 4 << 30), root: program, tenants: [driver] + tenants)
    }

    /// Returns a system with every feature.
    func everything() -> SystemImageWriter {
        var (client, paged, pager) = (component("client"), component("paged"), component("pager"))
        client.connections = [
            ConnectionDescription(name: "store", server: "server"),
            ConnectionDescription(name: "log", server: "server"),
            ConnectionDescription(name: "pages", server: "pager"),
        ]
        client.sharedSize = 0x8000
        client.allowance = TimeAllowance(budget: 1_000_000, period: 10_000_000)
        paged.paged = (pager: "pager", file: Data(repeating: 7, count: 10_000))
        pager.dma = [DMAMemoryDescription(name: "buffers", size: 0x2000)]
        pager.devices = [
            DeviceDescription(name: "clock", registers: MemoryRange(base: 0x0901_0000, size: 0x1000), interrupt: 34)
        ]
        var (one, two) = (machine("one", cpus: 3), machine("two"))
        one.machine?.eventPeer = "two"
        one.machine?.failureActions = FailureActions.diesOfPanic | FailureActions.hasWatchdog
        two.core = 1
        two.machine?.firmware = Data(repeating: 9, count: 5000)
        var writer = writer([one, paged, client, component("server"), pager, two])
        writer.sharedMemory = [
            SharedMemoryDescription(name: "a", size: 4096, ends: ["one", "client"]),
            SharedMemoryDescription(name: "b", size: 4 << 20, ends: ["server", "client"]),
            SharedMemoryDescription(name: "c", size: 8192, ends: ["one", "two"]),
        ]
        writer.groups = [
            GroupDescription(name: "inner", members: ["client", "server"]),
            GroupDescription(name: "outer", members: ["inner"]),
        ]
        return writer
    }

    /// Returns `everything()` with disks of a machine and of a component.
    private func everythingWithDisks() -> SystemImageWriter {
        var writer = everything()
        (writer.tenants, writer.disks) = (writer.tenants + diskTenants(), disks())
        return writer
    }

    private func disks() -> SystemDisks {
        var disks = SystemDisks()
        disks.board = [BoardDiskDescription(name: "main", size: 1 << 30)]
        disks.clients = [
            DiskClient(owner: "two", tenant: "two.disks", disks: [DiskDescription(name: "root")]),
            DiskClient(owner: "client", tenant: "client", disks: [DiskDescription(name: "log")]),
        ]
        return disks
    }

    private func diskTenants() -> [Tenant] {
        var driver = component("block-driver")
        driver.devices = [
            DeviceDescription(name: "main", registers: MemoryRange(base: 0x0A00_0000, size: 0x200), interrupt: 48)
        ]
        return [driver, component("storage"), component("two.disks")]
    }

    @Test func aSystemWithEverythingHasNoFaults() throws {
        let plan = try everythingWithDisks().plan()
        #expect(plan.faults(imageSize: 1 << 30) == [])
        #expect(Set(plan.edges.map(\.feature)) == Set(Plan.Feature.allCases))
    }

    @Test func theSameSystemGivesTheSamePlan() throws {
        #expect(try everything().write() == everything().write())
    }

    /// Each change breaks one of the rules on which root relies.
    @Test func faultsAreFound() throws {
        func faults(_ change: (inout Plan) -> Void) throws -> String {
            var plan = try everything().plan()
            change(&plan)
            return plan.faults(imageSize: 1 << 30).joined(separator: "\n")
        }
        #expect(try faults { $0.nodes[8].name = $0.nodes[9].name }.contains("two nodes are named"))
        #expect(try faults { $0.nodes[8].slot = $0.nodes[9].slot }.contains("share slot"))
        #expect(try faults { $0.nodes[8].slot = 0 }.contains("has slot 0"))
        #expect(
            try faults { plan in
                plan.edges.append(
                    plan.edges.first { if case .virtualInterrupt = $0.action { true } else { false } }!)
            }.contains("has two sources"))
        #expect(
            try faults { plan in
                for index in plan.edges.indices { plan.edges[index].peer = nil }
            }.contains("which may die before it"))
        #expect(try faults { $0.nodes[$0.tenants[3].parts.table].parameter = 66 }.contains("goes to slot"))
        #expect(try faults { $0.edges.append($0.edges[1]) }.contains("is filled twice"))
        #expect(try faults { $0.nodes[$0.tenants[3].parts.memory].parameter -= 4096 }.contains("is beyond its memory"))
        #expect(try faults { $0.nodes[$0.tenants[3].parts.pages].parameter -= 4096 }.contains("is too small"))
        #expect(try faults { $0.nodes[$0.tenants[3].parts.objects].parameter -= 4096 }.contains("is too small"))
        #expect(
            try faults { $0.nodes[$0.tenants[3].parts.space].parameter = KernelLimits.pageTables + 1 }.contains(
                "is too large"))
        #expect(
            try faults { $0.nodes[$0.tenants[3].parts.table].parameter = KernelLimits.slots + 1 }.contains(
                "is too large"))
        #expect(try everything().plan().faults(imageSize: 1000).contains { $0.contains("do not fit") })
        let own = try everything().plan().edges.first { edge in
            if case .map(_, _, ComponentLayout.console, _, _, _, _) = edge.action {
                edge.owner == .tenant(3)
            } else {
                false
            }
        }
        #expect(try faults { $0.edges.append(own!) }.contains("two mappings meet"))
        #expect(
            try faults { $0.nodes[$0.tenants[3].parts.threads[0]].name += "-of-it" }.contains("is too long for root"))
    }

    /// Root compares a trap with the reasons of the tenant, and prints the text of the first that fits.
    @Test func reasonsOfTrapsAreChecked() throws {
        func faults(_ traps: TrapReason...) throws -> String {
            var plan = try everything().plan()
            plan.tenants[3].traps = traps
            return plan.faults(imageSize: 1 << 30).joined(separator: "\n")
        }
        let longest = String(repeating: "t", count: 48)
        #expect(try faults(TrapReason(immediate: 2, text: longest), TrapReason(immediate: 0xFFFF, text: "~")) == "")
        for immediate in [0, 1, 0x1_0000] as [UInt64] {
            #expect(try faults(TrapReason(immediate: immediate, text: "t")).contains("of client is impossible"))
        }
        let twice = TrapReason(immediate: 2, text: "t")
        #expect(try faults(twice, twice) == "the trap 0x2 of client has two reasons")
        for text in ["", longest + "t", "a\nb", "\u{1B}c", "\u{E9}"] {
            #expect(try faults(TrapReason(immediate: 2, text: text)).contains("a text that root cannot print"))
        }
    }

    // MARK: Resources of tenants

    private func resource(_ plan: Plan, _ tenant: String, _ kind: ResourceKind, _ name: String) -> NamedResource? {
        plan.tenants.first { $0.name == tenant }?.resources.first { $0.kind == kind && $0.name == name }
    }

    @Test func connectionsToOneServerShareAWindow() throws {
        let plan = try everything().plan()
        let (store, log) = (resource(plan, "client", .portal, "store"), resource(plan, "client", .portal, "log"))
        #expect(store?.address == log?.address && store?.slot != log?.slot && store?.size == 0x8000)
        #expect(resource(plan, "client", .portal, "pages")?.address != store?.address)
        let caller = resource(plan, "server", .caller, "client")
        #expect(caller?.number == 4 && store?.number == 5 && caller?.size == 0x8000)
        #expect(store.map { $0.detail - $0.address } == 0x8000)
    }

    @Test func devicesHaveRegistersInterruptsAndMemory() throws {
        let plan = try everything().plan()
        #expect(resource(plan, "pager", .registers, "clock")?.size == 0x1000)
        #expect(resource(plan, "pager", .interrupt, "clock")?.number == 1 << 48)
        #expect(resource(plan, "pager", .dmaMemory, "buffers")?.size == 0x2000)
        #expect(resource(plan, "serial", .registers, "serial") != nil)
        #expect(plan.nodes.contains { $0.kind == .interrupt && $0.parameter == 34 && $0.lasts })
    }

    @Test func eachTenantIsAClientOfTheConsoleDriver() throws {
        let plan = try everything().plan()
        let clients = plan.tenants[0].resources.filter { $0.kind == .consoleClient }
        #expect(clients.map(\.number) == Array(1...8) && clients[0].name == "root" && clients[2].name == "one")
    }

    /// Root's table and the VMIDs of the kernel are the limits.
    @Test func twoHundredAndFiftyTenantsFit() throws {
        let many = (0..<250).map { component("c\($0)") }
        let plan = try writer(many).plan()
        #expect(plan.firstUnusedSlot + RootTable.spare <= RootTable.maximum)
        #expect(plan.tenants.count == 251)
    }

    /// The fault lies at the first tenant for which root's table has no room.
    @Test func tooManyTenantsHaveAPlace() throws {
        let many = (0..<600).map { number in
            var tenant = component("c\(number)")
            tenant.place = Diagnostic.Place(file: "system.yaml", line: number, column: 3)
            return tenant
        }
        let failure = #expect(throws: Failure.self) { try writer(many).plan() }
        let line = try #require(failure?.diagnostics.first?.place?.line)
        // The console driver takes slots for each tenant, so the last tenants have none left.
        #expect((250..<599).contains(line))
    }

    // MARK: The image

    /// The records that root reads, taken from the file.
    private struct Records {
        let image: Data
        let header: ImageHeader

        init(_ writer: SystemImageWriter) throws {
            let file = try writer.write()
            let start = UInt64(writer.kernel.flat.count).aligned(to: ImageHeader.alignment)
            image = Data(file.dropFirst(Int(start)))
            header = image.withUnsafeBytes { $0.loadUnaligned(as: ImageHeader.self) }
        }

        func table<Record>(_ table: PlanTable, as: Record.Type) -> [Record] {
            (0..<Int(table.count)).map { index in
                image.withUnsafeBytes {
                    $0.loadUnaligned(
                        fromByteOffset: Int(table.offset) + index * MemoryLayout<Record>.stride, as: Record.self)
                }
            }
        }
        var nodes: [PlanNode] { table(header.plan.nodes, as: PlanNode.self) }
        var edges: [PlanEdge] { table(header.plan.edges, as: PlanEdge.self) }
        var tenants: [TenantRecord] { table(header.plan.tenants, as: TenantRecord.self) }
        var groups: [GroupRecord] { table(header.plan.groups, as: GroupRecord.self) }
        var traps: [TrapRecord] { table(header.plan.traps, as: TrapRecord.self) }
    }

    private func text<let size: Int>(_ bytes: InlineArray<size, UInt8>) -> String {
        String(decoding: bytes.indices.map { bytes[$0] }.prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test func contextsHaveTheirNames() throws {
        let nodes = try Records(everything()).nodes.filter { $0.owner == PlanOwner.tenant(1) }
        #expect(
            nodes.filter { $0.time != 0 }.map { text($0.name) } == ["thread", "thread1", "cpu0", "cpu1", "cpu2"])
        #expect(nodes.allSatisfy { $0.time != 0 || $0.name[0] == 0 })
    }

    /// A machine can end itself only for the reasons that the manifest lets it have.
    @Test(
        arguments: [
            (0, []), (1, ["machine panicked"]), (2, ["machine hangs, its watchdog expired"]),
            (3, ["machine panicked", "machine hangs, its watchdog expired"]),
        ] as [(UInt64, [String])])
    func aMachineHasItsReasonsToEnd(failureActions: UInt64, texts: [String]) throws {
        var writer = everything()
        writer.tenants[1].machine?.failureActions = failureActions
        let traps = try Records(writer).traps
        #expect(traps.map { text($0.text) } == texts)
        #expect(traps.allSatisfy { $0.owner == PlanOwner.tenant(1) })
        let immediates = [MachineEnd.panic, .hang].filter { failureActions & ($0 == .panic ? 1 : 2) != 0 }
        #expect(traps.map(\.immediate) == immediates.map(\.rawValue))
    }

    @Test func recordsComeInRootsOrder() throws {
        let records = try Records(everything())
        let plan = records.header.plan
        #expect(records.tenants.count == 7 && records.groups.count == 2)
        let (lasting, system) = (Int(plan.lastingNodes), Int(plan.systemEdges))
        #expect(records.nodes[0].owner == PlanOwner.system && records.edges[0].kind == PlanEdgeKind.map.rawValue)
        #expect(records.edges[0].words[1] == records.nodes[0].slot && records.edges[0].words[2] == ComponentLayout.heap)
        #expect(records.edges[..<system].allSatisfy { $0.owner == PlanOwner.system && $0.peer == $0.owner })
        #expect(records.edges[Int(plan.firstSharedEdge)...].allSatisfy { $0.peer != $0.owner })
        var (node, edge) = (lasting, system)
        for (index, tenant) in records.tenants.enumerated() {
            #expect(Int(tenant.firstNode) == node && Int(tenant.firstEdge) == edge)
            (node, edge) = (node + Int(tenant.nodeCount), edge + Int(tenant.edgeCount))
            let slots = tenant.firstSlot..<tenant.firstSlot + tenant.slotCount
            #expect(
                records.nodes[Int(tenant.firstNode)..<node].allSatisfy {
                    $0.owner == PlanOwner.tenant(index) && slots.contains($0.slot)
                })
            #expect(
                records.edges[Int(tenant.firstEdge)..<edge].allSatisfy {
                    $0.owner == PlanOwner.tenant(index) && $0.peer == $0.owner
                })
        }
        #expect(node == records.nodes.count && edge == Int(plan.firstSharedEdge))
        #expect(plan.rootSlots == plan.firstUnusedSlot + UInt64(RootTable.spare))
    }

    @Test func groupsAndTenantsHaveTheirPolicies() throws {
        var writer = everything()
        writer.tenants[3].restart.limit = 7
        writer.groups[1].restart.onLimit = .stop
        writer.onFailure = .powerOff
        let records = try Records(writer)
        #expect(records.header.plan.onFailure == OnFailure.powerOff.rawValue)
        #expect(records.tenants.map(\.supervision.parent) == [0, 0, 0, 1, 1, 0, 0])
        #expect(records.tenants.map(\.supervision.limit) == [5, 5, 5, 7, 5, 5, 5])
        #expect(records.groups.map(\.supervision.parent) == [2, 0])
        #expect(records.groups.map(\.supervision.onLimit) == [OnLimit.escalate.rawValue, OnLimit.stop.rawValue])
        #expect(records.tenants[3].name[0] == UInt8(ascii: "c") && records.tenants[3].name[6] == 0)
        #expect(records.tenants[3].supervision.span == 10_000 && records.tenants[3].supervision.backoff == 100)
    }

    /// Root copies a tenant's configuration, followed by the tenant's resources, into the tenant's memory.
    @Test func configurationsLieInTheImage() throws {
        let writer = everything()
        let records = try Records(writer)
        let plan = try writer.plan()
        let client = plan.tenants[3]
        let start = try #require(configurationPlace(of: 3, plan))
        let configuration = try configuration(of: 3, writer)
        #expect(configuration.channel == 5 && configuration.heapSize == 0x1_0000 && configuration.cores == 1)
        #expect(configuration.resourceCount == UInt64(client.resources.count) && client.resources.count == 5)
        let offset = start + Int(ComponentLayout.resources - ComponentLayout.configuration)
        let first = records.image.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Resource.self) }
        #expect(first.kind == ResourceKind.portal.rawValue && first.slot == UInt64(client.resources[0].slot))
        #expect(first.name[0] == UInt8(ascii: "s") && first.name[5] == 0)
    }

    @Test func modulesLieWhereTheMonitorIsTold() throws {
        let writer = everything()
        let plan = try writer.plan()
        let image = try Records(writer).image
        for edge in plan.edges {
            guard case .map(_, _, let address, let offset, let size, _, _) = edge.action, edge.owner == .tenant(1),
                address >= ComponentLayout.modules, address < ComponentLayout.assigned
            else { continue }
            #expect(
                size == 8192 && image[Int(offset)] == 1 && image[Int(offset) + 4999] == 1
                    && image[Int(offset) + 5000] == 0)
            return
        }
        Issue.record("no module is mapped")
    }

    @Test(
        arguments: [(false, false, 0), (true, false, 1), (false, true, 2), (true, true, 3)] as [(Bool, Bool, UInt64)])
    func failuresOfAMachineAreBits(diesOfPanic: Bool, hasWatchdog: Bool, bits: UInt64) throws {
        var description = MachineDescription(name: "one")
        (description.diesOfPanic, description.hasWatchdog) = (diesOfPanic, hasWatchdog)
        var writer = everything()
        writer.tenants[1].machine?.failureActions = description.failureActions
        #expect(try configuration(of: 1, writer).machine.failureActions == bits)
    }

    /// Returns the configuration of a tenant as it lies in the image.
    private func configuration(of index: Int, _ writer: SystemImageWriter) throws -> ComponentConfiguration {
        let start = try #require(try configurationPlace(of: index, writer.plan()))
        return try Records(writer).image.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: start, as: ComponentConfiguration.self)
        }
    }

    /// Returns the last edge that writes contents into a tenant's memory.
    private func configurationPlace(of index: Int, _ plan: Plan) -> Int? {
        plan.edges.compactMap { edge -> Int? in
            guard case .contents(_, _, let image, _) = edge.action, edge.owner == .tenant(index) else { return nil }
            return Int(image)
        }.last
    }
}
