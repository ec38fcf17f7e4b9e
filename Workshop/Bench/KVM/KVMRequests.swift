import Foundation
import SystemImage
import Tool

/// Counts the instructions of requests to the disk of a guest of KVM. The disk is that of its host, and the guest's
/// QEMU uses it past the host's cache.
struct KVMRequests {
    let workspace: Workspace
    /// The requests of each task.
    var count = 1000
    var timeout = Duration.seconds(900)

    /// The instructions of one request.
    struct Cost {
        /// Those of the whole board.
        var total: Double
        /// Those of the host's kernel. Its loadable modules are left out.
        var kernel: Double
    }

    private static let guest = "guest"
    private static let diskSize: UInt64 = 64 << 20

    /// Runs tasks of `RequestBenchmark.tasks` with requests of 4 KiB.
    ///
    /// - Returns: the cost of a request of each task, in their order.
    func costs(of tasks: [String]) throws -> [Cost] {
        let folder = workspace.state.appendingPathComponent("requests-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        // A machine with a disk, because the initial file system of one without has no driver for disks.
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/disk/whole.yaml")
        let manifest = try Manifest.load(path: file.path)
        let machine = try LinuxWorkload(workspace: workspace, name: "requests").added(
            to: manifest.machines[0], running: "/requests /dev/vda \(count) \(tasks.joined(separator: " "))")
        var host = KVMHost(
            workspace: workspace,
            guests: [try KVMGuest(Self.guest, like: machine, workspace: workspace, disk: "/dev/vda")])
        host.script = "grep 'Kernel code' /proc/iomem\nbegin \(Self.guest)\nawait \(Self.guest)"
        host.reaction = ("requests: end", "finish $1")
        var board = KVMBoard(host: host)
        (board.disk, board.timeout) = (Self.diskSize, timeout)
        board.options = BootOptions(extraArguments: ["-icount", "shift=0,sleep=on", "-seed", "1"])
        let output = folder.appendingPathComponent("counts")
        let plugin = try EmulatorPlugin(workspace: workspace, name: "requests", folder: "Requests").build()
        var code: Range<UInt64>?
        try board.run(
            "Counting requests of a guest of KVM", arguments: ["-plugin", "\(plugin.path),output=\(output.path)"]
        ) { line, _ in
            if case .host(let text) = line { code = Self.code(in: text) ?? code }
        }
        let records = try RequestRecord.all(in: Data(contentsOf: output))
        guard let code, records.count == tasks.count else {
            throw Failure("\(records.count) of \(tasks.count) tasks were counted on KVM")
        }
        return records.map { record in
            func sum(_ isCounted: (RequestRecord.Instruction) -> Bool) -> Double {
                Double(record.instructions.reduce(0) { $0 + (isCounted($1) ? $1.executions : 0) }) / Double(count)
            }
            return Cost(total: sum { _ in true }, kernel: sum { code.contains($0.offset) })
        }
    }

    private static let startOfRAM: UInt64 = 0x4000_0000

    /// Returns the place of the host's kernel in a line `START-END : Kernel code` of /proc/iomem, in bytes from the
    /// start of RAM. END is its last byte.
    static func code(in line: String) -> Range<UInt64>? {
        guard let match = line.firstMatch(of: /([0-9a-f]+)-([0-9a-f]+) : Kernel code/),
            let first = UInt64(match.1, radix: 16), let last = UInt64(match.2, radix: 16),
            startOfRAM <= first, first < last
        else { return nil }
        return first - startOfRAM..<last + 1 - startOfRAM
    }
}
