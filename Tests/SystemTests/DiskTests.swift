import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// The parts that the tool adds to a system with disks.
    @Suite(.serialized) struct DiskTests {
        /// Root executes the whole plan of disks, again after each death. The programs do nothing with their parts.
        @Test func eachPartRestartsAlone() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            let system = try RunningSystem("Tests/Systems/disks.yaml", options: options) { tenant in
                guard case .component(var component) = tenant else { return }
                component.program = .target("Heartbeat")
                tenant = .component(component)
            }
            let parts = ["block-driver", "storage", "guest.disks", "owner"]
            for part in parts { try system.wait(for: "heartbeat 1", on: part) }
            try system.wait(for: "has panicked", on: "guest")
            for part in parts {
                try system.type("kill \(part)\n", on: "root")
                try system.wait(for: "back: \(part), life 2", on: "root")
                try system.wait(for: "heartbeat 1", on: part)
            }
            try system.type("kill guest\n", on: "root")
            try system.wait(for: "back: guest, life 2", on: "root")
            try system.wait(for: "has panicked", on: "guest")
            try system.type("restarts\n", on: "root")
            for part in ["storage", "guest.disks"] { try system.wait(for: "\(part): runs, died 1 times", on: "root") }
        }
    }
}
