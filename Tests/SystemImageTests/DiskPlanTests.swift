import ABI
import Foundation
import Testing

@testable import SystemImage

/// The connections, the memory and the bells of a system with disks.
@Suite struct DiskPlanTests {
    private let plan: Plan

    init() throws {
        let path = Repository.manifests.appendingPathComponent("valid/disks.yaml").path
        plan = try Manifest.load(path: path).planWithPlaceholders()
    }

    private func index(_ tenant: String) -> Int { plan.tenants.firstIndex { $0.name == tenant } ?? -1 }

    private func resources(_ tenant: String, _ kind: ResourceKind) -> [NamedResource] {
        plan.tenants[index(tenant)].resources.filter { $0.kind == kind }
    }

    /// Returns the mappings of an extent into a tenant, or into its machine, by offset.
    private func mappings(
        of extent: String, into tenant: String, machine: Bool = false
    ) -> [(address: UInt64, offset: UInt64, size: UInt64, rights: Rights)] {
        let parts = plan.tenants[index(tenant)].parts
        return plan.edges.compactMap { edge in
            guard case .map(let node, let space, let address, let offset, let size, let rights, _) = edge.action,
                plan.nodes[node].name == extent, space == (machine ? parts.machineSpace : parts.space)
            else { return nil }
            return (address, offset, size, rights)
        }.sorted { $0.offset < $1.offset }
    }

    /// Returns the badge of a tenant's capability to a notification, with the notification's name.
    private func bell(of tenant: String, slot: UInt32) -> String {
        for edge in plan.edges {
            guard case .capability(let node, let table, slot, let rights, let badge, _) = edge.action,
                table == plan.tenants[index(tenant)].parts.table
            else { continue }
            return "\(plan.nodes[node].name) \(hex(badge)) \(rights == .write ? "w" : "?")"
        }
        return ""
    }

    @Test func eachEndWritesItsOwnPartOfAConnection() {
        for (extent, client, server) in [
            ("storage/blocks", "storage", "block-driver"), ("web.disks/blocks", "web.disks", "storage"),
            ("db/blocks", "db", "storage"),
        ] {
            #expect(mappings(of: extent, into: client).map(\.rights) == [.readWrite, .read])
            #expect(mappings(of: extent, into: server).map(\.rights) == [.read, .readWrite])
            let (own, theirs) = (mappings(of: extent, into: client), mappings(of: extent, into: server))
            #expect(own.map(\.size) == theirs.map(\.size) && own[1].address == own[0].address + own[0].size)
            #expect(own[1].size == BlockConnectionLayout.serverSize)
            #expect(plan.nodes.first { $0.name == extent }?.lasts == true)
        }
    }

    @Test func connectionsAreNamedAndNumbered() {
        let clients = resources("storage", .blockClient)
        #expect(clients.map(\.name) == ["web.disks", "mail.disks", "db"])
        #expect(clients.map { $0.number >> 48 } == [1, 2, 3])
        #expect(clients.map { $0.number & 0xFFFF_FFFF_FFFF } == [0x100, 0x200, 0x400])
        #expect(resources("storage", .blockServer).map(\.name) == ["block-driver"])
        #expect(resources("storage", .blockServer)[0].detail == 4)
        #expect(resources("block-driver", .blockClient).map { $0.number >> 48 } == [0])
        for client in ["web.disks", "mail.disks", "db"] {
            #expect(resources(client, .blockServer).map(\.name) == ["disks"])
            #expect(resources(client, .blockServer)[0].size == BlockConnectionLayout.size(banks: 2))
        }
    }

    @Test func bothEndsOfAConnectionRingEachOther() {
        let web = resources("web.disks", .blockServer)[0]
        #expect(web.number == 1)
        #expect(bell(of: "web.disks", slot: web.slot) == "storage/notification 0x100 w")
        #expect(bell(of: "storage", slot: resources("storage", .blockClient)[0].slot) == "web.disks/notification 0x1 w")
        // A component has its programs' own bits below those of devices.
        let component = resources("db", .blockServer)[0]
        #expect(component.number == 1 << 48)
        let driver = resources("storage", .blockServer)[0]
        #expect(bell(of: "storage", slot: driver.slot) == "block-driver/notification 0x2 w")
        #expect(
            bell(of: "block-driver", slot: resources("block-driver", .blockClient)[0].slot)
                == "storage/notification \(hex(driver.number)) w")
    }

    @Test func onlyTheDriverKnowsTheAddressesOfWindows() {
        let windows = resources("block-driver", .window)
        #expect(windows.map(\.name) == ["storage", "web.disks", "mail.disks", "db"])
        #expect(windows.map(\.detail) == [0, 1, 2, 3] && windows.allSatisfy { $0.address == 0 })
        #expect(resources("storage", .window).map(\.name) == ["window", "web.disks", "mail.disks", "db"])
        #expect(resources("storage", .window).map(\.detail) == [0, 1, 2, 3])
        #expect(resources("web.disks", .window).map(\.name) == ["window"])
        let known = plan.edges.compactMap { edge -> String? in
            guard case .physicalAddress(let extent, let target, _) = edge.action else { return nil }
            return "\(plan.nodes[extent].name) \(plan.nodes[target].owner == .tenant(index("block-driver")))"
        }
        #expect(
            Set(known)
                == Set(
                    ["storage", "web.disks", "mail.disks", "db"].map { "\($0)/window true" } + [
                        "block-driver/dma-main true", "block-driver/dma-second true",
                    ]))
        for extent in ["web.disks/window", "db/window"] {
            #expect(mappings(of: extent, into: "block-driver").isEmpty)
            #expect(mappings(of: extent, into: "storage").map(\.rights) == [.readWrite])
        }
    }

    @Test func storageFindsTheDisksOfAll() {
        let disks = resources("storage", .virtualDisk)
        #expect(disks.map(\.name) == ["web.root", "web.data", "mail.root", "mail.raw", "db.log"])
        #expect(disks.map(\.detail) == [0, 0, 0, 1, 1])
        let numbers: [UInt64] = [
            1, 0x1_0001, 0x1_0000_0002, 0x0202_0001_0002, 0x0102_0000_0003,
        ]
        #expect(disks.map(\.number) == numbers)
        #expect(resources("web.disks", .virtualDisk).map(\.name) == ["root", "data"])
        #expect(resources("web.disks", .virtualDisk).map(\.number) == [0, 1])
        #expect(resources("db", .virtualDisk).map(\.slot) == [0])
        #expect(resources("storage", .boardDisk).map(\.name) == ["main", "second"])
        #expect(resources("block-driver", .boardDisk).map(\.detail) == [0, 1])
        #expect(resources("block-driver", .boardDisk).map { $0.address & 0xFFF } == [0, 0x200])
        #expect(resources("block-driver", .boardDisk).map(\.number) == [1 << 48, 1 << 49])
    }

    @Test func monitorAndBackendShareTheVirtioPages() {
        #expect(mappings(of: "web/virtio", into: "web").map(\.rights) == [.readWrite, .readWrite, .read, .read])
        #expect(mappings(of: "web/virtio", into: "web.disks").map(\.rights) == [.readWrite, .read, .readWrite, .read])
        let seen = mappings(of: "web/virtio", into: "web", machine: true)
        #expect(seen.map(\.address) == [0x0A00_0000] && seen.map(\.rights) == [.read] && seen[0].size == 4096)
        let (monitor, backend) = (resources("web", .virtioPages)[0], resources("web.disks", .virtioPages)[0])
        #expect(monitor.size == 0x3000 && monitor.detail == monitor.address + 0x3000)
        #expect(bell(of: "web", slot: monitor.slot) == "web.disks/notification \(hex(backend.number)) w")
        #expect(bell(of: "web.disks", slot: backend.slot) == "web/notification \(hex(monitor.number)) w")
        let lives = plan.edges.compactMap { edge -> String? in
            guard case .lives(let extent, let offset, true) = edge.action, plan.nodes[extent].name == "web/virtio"
            else { return nil }
            return "\(plan.name(of: edge.owner)) \(hex(offset))"
        }
        #expect(Set(lives) == ["web.disks 0x3000", "web 0x3008"])
    }

    @Test func onlyTheBackendSeesTheRAM() {
        #expect(mappings(of: "web/ram", into: "web.disks").map(\.address) == [0x4000_0000])
        #expect(mappings(of: "web/ram", into: "storage").isEmpty && mappings(of: "web/ram", into: "mail.disks").isEmpty)
        #expect(resources("web.disks", .machineMemory).map(\.size) == [64 << 20])
        #expect(resources("web.disks", .lastingMemory).map(\.name) == ["in-flight"])
        #expect(resources("storage", .lastingMemory).map(\.name) == ["recovery"])
    }

    @Test func doorbellsAndInterruptsAreThoseOfTheSlots() {
        let bells = plan.edges.compactMap { edge -> String? in
            guard case .doorbell(let space, let address, let notification, let bits, _) = edge.action,
                space == plan.tenants[index("web")].parts.machineSpace
            else { return nil }
            return "\(hex(address)) \(plan.nodes[notification].name) \(hex(bits))"
        }
        #expect(
            Set(bells) == [
                "0xa000050 web.disks/notification 0x100", "0xa000250 web.disks/notification 0x200",
                "0xa000064 web.disks/acks 0x1", "0xa000264 web.disks/acks 0x2",
            ])
        let interrupts = plan.edges.compactMap { edge -> String? in
            guard case .virtualInterrupt(let line, let virtualCPU, let number) = edge.action else { return nil }
            return "\(plan.nodes[line].name) \(plan.nodes[virtualCPU].name) \(number)"
        }
        #expect(Set(interrupts).isSuperset(of: ["web.disks/line-root web/cpu0 48", "web.disks/line-data web/cpu0 49"]))
        for disk in resources("web.disks", .virtualDisk) {
            #expect(bell(of: "web.disks", slot: disk.slot) == "web.disks/line-\(disk.name) 0x1 w")
        }
    }
}

/// The harm that the parts for disks can do.
@Suite struct HarmOfDisksTests {
    private static let system = """
        board: {cores: 2}
        machines:
          a: {kernel: {target: BenchGuest}, memory: 64MiB, disks: {d: {size: 1MiB}}}
          b: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1, priority: 12, disks: {d: {size: 1MiB}}}
        components: {alone: {target: Heartbeat, priority: 10}}
        """

    @Test func storageDelaysAndLosesDataOfItsClientsOnly() throws {
        let found = try HarmCase.harm(Self.system)
        for machine in ["a", "b"] {
            #expect(found.contains("\(machine) stall storage") && found.contains("\(machine).disks change storage"))
            #expect(found.contains("\(machine).disks read storage"))
            #expect(!found.contains("\(machine) end storage"))
        }
        #expect(!found.contains { $0.hasPrefix("alone") && $0.hasSuffix(" storage") })
    }

    /// The driver has no IOMMU.
    @Test func theDriverIsTrustedByAll() throws {
        let found = try HarmCase.harm(Self.system)
        for victim in ["a", "b", "a.disks", "storage", "alone"] {
            for effect in HarmEffect.allCases { #expect(found.contains("\(victim) \(effect) block-driver")) }
        }
    }

    /// Requests without end use up budgets, which leave a part of the core to others.
    @Test func aMachineHarmsNeitherItsNeighbourNorItsDisks() throws {
        let found = try HarmCase.harm(Self.system)
        for harm in [
            "alone stall a", "alone stall a.disks", "alone stall b", "alone stall b.disks",
            "b change a", "b read a", "b.disks change a", "b.disks change a.disks", "b end a", "a end b",
        ] {
            #expect(!found.contains(harm))
        }
    }

    @Test func theGraphShowsConnections() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        try Data(Self.system.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let manifest = try Manifest.load(path: file.path)
        let plan = try manifest.planWithPlaceholders()
        var graph = SystemGraph(HarmAnalysis(plan), of: manifest)
        let text = graph.dot()
        func line(_ from: String, _ to: String, _ label: String) -> Bool {
            let numbers = [from, to].map { name in plan.tenants.firstIndex { $0.name == name } ?? -1 }
            return text.contains("t\(numbers[0]) -> t\(numbers[1]) [label=\"\(label)\"")
        }
        #expect(line("storage", "block-driver", "disks") && line("a.disks", "storage", "disks"))
        #expect(line("a", "a.disks", "virtio") && line("b", "b.disks", "virtio") && !line("a", "storage", "disks"))
    }
}
