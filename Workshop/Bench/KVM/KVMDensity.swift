import Foundation
import SystemImage
import Tool

/// Starts guests of KVM one after the other on one core, and leaves them idle. Each is the Debian machine of 64 MiB of
/// `MachineCrowd`, without a disk.
struct KVMDensity {
    let workspace: Workspace
    var count: Int
    var timeout = Duration.seconds(900)

    /// The most guests for which the host has memory.
    static let maximum = 32

    /// The cost of one more guest.
    struct Start {
        /// The instructions of the whole board from the command that starts QEMU until the host has read the line by
        /// which the guest's init says that Linux has started.
        var instructions: Double
        /// By how much the host's available memory has shrunk, in KiB.
        var memory: Double
        /// The resident memory of the guest's QEMU with the guest's RAM as far as it was used, in KiB. Libraries that
        /// several QEMUs share count in each.
        var resident: Double
    }

    /// The cost of a host and of its guests.
    struct Result {
        /// The instructions of the board until the host can start the first guest.
        var hostInstructions: Double
        /// The memory of the host that is not available to guests before the first one starts, in KiB. The host's
        /// initial file system, with QEMU and the guests' files, is a part of it.
        var hostMemory: Double
        /// The cost of each guest, in the order of their starts.
        var starts: [Start]
    }

    /// Starts the guests.
    func measure() throws -> Result {
        let folder = workspace.state.appendingPathComponent("density-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("count")
        let manifest = try Manifest.load(path: MachineCrowd(count: 1, kind: .debian).write(to: folder).path)
        guard let machine = manifest.machines.first else { throw Failure("the manifest has no machine") }
        let names = (1...count).map { MachineCrowd.name($0) }
        var host = KVMHost(
            workspace: workspace, guests: try names.map { try KVMGuest($0, like: machine, workspace: workspace) })
        host.script = Self.script(names)
        host.reaction = (MachineCrowd.start, "mark end; echo started >/run/started")
        var board = KVMBoard(host: host)
        board.timeout = timeout
        var memory: [[String: Double]] = []
        try board.run(
            "Starting \(count) guests of KVM",
            arguments: InstructionRecord.arguments(workspace: workspace, file: output)
        ) { line, _ in
            guard case .memory(let values) = line else { return }
            Progress.say("\(memory.count) guests: \(Int(values["MemAvailable"] ?? 0)) KiB available")
            memory.append(values)
        }
        let record = try InstructionRecord(file: output)
        guard record.spans.count == count, memory.count == count + 1, let start = record.start else {
            throw Failure("\(record.spans.count) of \(count) starts were counted")
        }
        let starts = names.indices.map { index in
            let (before, after) = (memory[index], memory[index + 1])
            return Start(
                instructions: Double(record.spans[index]),
                memory: (before["MemAvailable"] ?? 0) - (after["MemAvailable"] ?? 0),
                resident: after[names[index]] ?? 0)
        }
        return Result(
            hostInstructions: Double(start),
            hostMemory: (memory[0]["MemTotal"] ?? 0) - (memory[0]["MemAvailable"] ?? 0), starts: starts)
    }

    /// Returns the script that starts guests in turn. A second passes after each start, so that the guest goes idle.
    private static func script(_ names: [String]) -> String {
        let starts = names.map { "mark begin; begin \($0); read line </run/started; sleep 1; memory" }
        return (["mkfifo /run/started", "memory"] + starts).joined(separator: "\n")
    }
}
