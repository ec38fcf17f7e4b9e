import Foundation
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// Debian's Xen with a guest beside its first domain, as the benchmarks use it.
    @Suite struct XenTests {
        /// The first domain passes pages of the guest on to the board's disk. It would write other pages if it took
        /// their addresses for those of the board.
        @Test func aGuestWritesToItsSplitDisk() throws {
            let workspace = Workspace(root: Repository.root)
            let folder = workspace.state.appendingPathComponent("xen-test-\(UUID().uuidString)")
            try workspace.make(folder)
            defer { try? FileManager.default.removeItem(at: folder) }
            let disk = folder.appendingPathComponent("disk")
            try Data(count: 4 << 20).write(to: disk)
            let domain = XenDomain(
                name: "writer",
                script: """
                    dd if=/dev/urandom of=/data bs=4096 count=64 2>/dev/null
                    dd if=/data of=/dev/xvda bs=65536 2>/dev/null
                    sync
                    echo guest $(md5sum </data)
                    """, disk: "/dev/vda")
            let script = """
                start writer
                show writer | tr -d '\\r' | grep guest
                echo dom0 $(head -c 262144 /dev/vda | md5sum)
                xl list

                """
            let lines = try XenBoard(workspace: workspace, disk: disk)
                .run(script: script, domains: [domain], timeout: .seconds(300)).lines
            let sums = lines.filter { $0.hasSuffix(" -") }.map { $0.split(separator: " ").map(String.init) }
            #expect(sums.map(\.first) == ["guest", "dom0"], "\(lines)")
            #expect(Set(sums.map { $0.dropFirst().first }).count == 1, "\(lines)")
            // The guest is off, and the first domain alone is left.
            #expect(lines.contains { $0.hasPrefix("Domain-0 ") } && !lines.contains { $0.hasPrefix("writer ") })
            #expect(try Data(contentsOf: disk).prefix(1 << 18).contains { $0 != 0 })
        }
    }
}
