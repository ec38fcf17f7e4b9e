import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// The driver of the board's disks, with QEMU's virtio block device.
    @Suite(.serialized) struct BlockDriverTests {
        /// A test program in the place of storage writes and reads the disk, while the driver is killed again and
        /// again. No request fails or gets lost.
        @Test func deathsOfTheDriverDelayRequestsOnly() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            let system = try RunningSystem("Tests/Systems/disks.yaml", options: options) { tenant in
                guard case .component(var component) = tenant, component.name != "block-driver" else { return }
                component.program = .target(component.name == "storage" ? "DiskProbe" : "Heartbeat")
                tenant = .component(component)
            }
            try system.wait(for: "sectors", on: "block-driver")
            for check in ["data: true", "others: true", "refusals: true", "round 0: true"] {
                try system.wait(for: check, on: "storage")
            }
            for life in 2..<6 {
                try system.type("kill block-driver\n", on: "root")
                try system.wait(for: "back: block-driver, life \(life)", on: "root")
                try system.wait(for: "sectors", on: "block-driver")
                try system.forget("storage")
                try system.wait(for: ": true", on: "storage")
            }
            let rounds = try system.lines(of: "storage")
            #expect(!rounds.contains { $0.contains("false") })
        }
    }
}
