import ABI
import Foundation
import Testing

@testable import SystemImage

/// The connections of users whose disks are whole disks of the board.
@Suite struct WholeDiskPlanTests {
    private func plan(_ text: String) throws -> Plan {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try Manifest.load(path: file.path).planWithPlaceholders()
    }

    private static let mixed = """
        board:
          memory: 512MiB
          disks: {main: {size: 64MiB}, plain: {size: 64MiB}, third: {size: 64MiB}, spare: {size: 16MiB}}
        machines:
          web: {memory: 64MiB, disks: {data: {board-disk: plain, whole: true, read-only: true}}}
          both: {memory: 64MiB, disks: {a: {board-disk: third, whole: true}, b: {size: 16MiB, board-disk: main}}}
        """

    private func resources(_ plan: Plan, _ tenant: String, _ kind: ResourceKind) -> [NamedResource] {
        plan.tenants.first { $0.name == tenant }?.resources.filter { $0.kind == kind } ?? []
    }

    /// The driver gets such a user's requests itself. Storage has neither the disk nor the window nor a bell.
    @Test func aUserOfWholeDisksIsAClientOfTheDriver() throws {
        let plan = try plan(Self.mixed)
        #expect(resources(plan, "block-driver", .blockClient).map(\.name) == ["storage", "web.disks"])
        #expect(resources(plan, "block-driver", .blockClient).map { $0.number >> 48 } == [0, 1])
        #expect(resources(plan, "storage", .blockClient).map(\.name) == ["both.disks"])
        let uses = resources(plan, "block-driver", .virtualDisk)
        #expect(uses.map(\.name) == ["web.data"] && uses.map(\.detail) == [1])
        #expect(uses.map(\.number) == [1 | (VirtualDiskFlags.isWhole | VirtualDiskFlags.readOnly) << 32])
        #expect(resources(plan, "storage", .virtualDisk).map(\.name) == ["both.a", "both.b"])
        #expect(resources(plan, "storage", .window).map(\.name) == ["window", "both.disks"])
        #expect(resources(plan, "block-driver", .window).map(\.detail) == [0, 1, 2])
        let web = try #require(plan.tenants.firstIndex { $0.name == "web" })
        let harm = HarmAnalysis(plan).explanation(of: web).split(separator: "It can be ended by")[1]
            .split(separator: "A fault of the console driver")[0]
        #expect(!harm.contains("'storage'") && harm.contains("'block-driver'"))
    }

    /// Nobody runs for pools if there is none.
    @Test func storageIsAbsentWithoutPoolsAndPartitions() throws {
        let plan = try plan(
            "board: {disks: {plain: {size: 64MiB}}}\n"
                + "machines: {web: {memory: 64MiB, disks: {data: {board-disk: plain, whole: true}}}}\n")
        #expect(plan.tenants.map(\.name) == ["serial", "block-driver", "web.disks", "web"])
        #expect(resources(plan, "block-driver", .window).map(\.detail) == [1])
    }
}
