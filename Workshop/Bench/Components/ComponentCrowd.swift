import Foundation
import SystemImage
import Tool

/// A board with components that do nothing but tell the time of their first instruction, beside Debian
/// machines.
struct ComponentCrowd {
    let workspace: Workspace
    var count: Int
    /// The number of machines, each of which has 64 MiB of RAM.
    var machines = 0
    var timeout = Duration.seconds(120)

    private static func name(_ number: Int) -> String { "bench\(number)" }

    /// The components are more urgent than root, so that each runs as soon as root has built it.
    var text: String {
        let components = (1...count).map {
            "  \(Self.name($0)): {target: StartTime, priority: 31, budget: 100us, period: 1ms}"
        }
        let machines = (0..<machines).map { "  debian\($0): {guest: debian, memory: 64MiB}\n" }
        let section = machines.isEmpty ? "" : "machines:\n" + machines.joined()
        return """
            system: bench-components
            board: {cpu: neoverse-n1, cores: 1, memory: 1GiB}
            \(section)components:
            \(components.joined(separator: "\n"))

            """
    }

    private func manifest() throws -> Manifest {
        let folder = workspace.state.appendingPathComponent("components-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("system.yaml")
        try Data(text.utf8).writeWhole(to: file)
        return try Manifest.load(path: file.path)
    }

    /// Returns the instructions from the board's reset until the last component has begun.
    func start() throws -> Double {
        let boot = try PreparedBoot(manifest(), workspace: workspace, options: .deterministic)
        let speakers = (1...count).map(Self.name)
        let rows = try Progress.step("Starting \(count) components") {
            try BenchSession(session: boot.start(workspace: workspace), speakers: speakers).run(timeout: timeout)
        }
        guard rows.count == count, let last = rows.map(\.value).max() else {
            throw Failure("\(rows.count) of \(count) components told when they began")
        }
        return last
    }

    /// Returns the KiB of RAM that are in use when root has built the system.
    func memory() throws -> Double {
        let rows = try MemoryBenchmark(workspace: workspace, timeout: timeout).rows(of: manifest())
        guard let total = rows.first(where: { $0.name == "memory.total" })?.value,
            let free = rows.first(where: { $0.name == "memory.free" })?.value
        else { throw Failure("root did not account for the RAM") }
        return total - free
    }
}
