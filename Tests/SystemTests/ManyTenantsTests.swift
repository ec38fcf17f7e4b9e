import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// Boots a system of 250 parts, because the tool must accept at least so many. The parts take all of the board's
    /// memory, up to the last page that the tool accepts.
    @Suite(.serialized) struct ManyTenantsTests {
        private static let count = 250
        private let workspace = Workspace(root: Repository.root)

        @Test func twoHundredAndFiftyTenantsFillTheBoard() throws {
            let file = workspace.state.appendingPathComponent("many.yaml")
            try workspace.make(workspace.state)
            let names = (1...Self.count).map { "beat-\($0)" }
            // Each component prints one line, because its next one would come after the test.
            let lines = names.map { "  \($0): {target: Heartbeat, arguments: [3600000]}\n" }
            try Data(("board: {memory: 128MiB}\ncomponents:\n" + lines.joined()).utf8).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }

            let largest = try largestMemory(of: "beat-1", in: file)
            let system = try RunningSystem(
                ".entente/many.yaml",
                changing: { tenant in
                    guard case .component(var component) = tenant, component.name == "beat-1" else { return }
                    component.memory = largest
                    tenant = .component(component)
                })
            for name in names { try system.wait(for: "heartbeat 1\n", on: name, timeout: .seconds(120)) }
            // The free pieces are too small for a part. If more memory were free, the tool would refuse systems that
            // fit.
            // The driver prints the consoles in turn, so root's line can follow the last component's.
            let account = try system.wait(for: " image ", on: "root", timeout: .seconds(120))
            let free = try #require(account.firstMatch(of: /free (\d+)/).flatMap { Int($0.1) })
            #expect(free < 1024, "\(account)")
        }

        /// Returns the largest memory of a component with which the tool accepts the system, and checks that it refuses
        /// a page more.
        private func largestMemory(of name: String, in file: URL) throws -> UInt64 {
            let manifest = try Manifest.load(path: file.path)
            var writer = try SystemBuilder(workspace: workspace, manifest: manifest).writer()
            let index = try #require(writer.tenants.firstIndex { $0.name == name })
            func memoryLeft() throws -> UInt64? {
                let (plan, image, rootSlots) = try writer.planned()
                return writer.layout(of: plan, imageSize: UInt64(image.count), rootSlots: rootSlots)?.largestRest
            }
            func isAccepted(pages: UInt64) throws -> Bool {
                writer.tenants[index].heapSize = pages * 4096
                return try memoryLeft() != nil
            }
            // A plan of so many parts takes seconds, so the search begins near the result. It subtracts one page table
            // for each 2 MiB.
            let pages = try #require(try memoryLeft()) / 4096
            var fitting = writer.tenants[index].heapSize / 4096 + pages - pages / 512
            while try !isAccepted(pages: fitting) { fitting -= 1 }
            while try isAccepted(pages: fitting + 1) { fitting += 1 }
            writer.tenants[index].heapSize = (fitting + 1) * 4096
            let failure = #expect(throws: Failure.self) { try writer.write() }
            #expect(failure?.description.contains("many.yaml:1:17: error: machines and components") == true)
            return fitting * 4096
        }
    }
}
