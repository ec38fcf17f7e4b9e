import Foundation
import SystemImage
import Tool

/// The instructions that a board with Xen executed in each measurement, as the plugin in `Benchmarks/Requests` counts
/// them, by the place of the code in RAM.
struct XenCounts {
    /// The instructions of Xen, of the first domain with its programs, and of all other domains.
    var (hypervisor, firstDomain, guests) = (UInt64(0), UInt64(0), UInt64(0))

    var total: UInt64 { hypervisor + firstDomain + guests }

    /// Returns the instructions for one of `count` operations.
    ///
    /// - Parameter name: the operation.
    func rows(_ name: String, count: Int = 1) -> [BenchRow] {
        [
            BenchRow(name, Double(total) / Double(count)),
            BenchRow("\(name).Xen", Double(hypervisor) / Double(count)),
            BenchRow("\(name).dom0", Double(firstDomain) / Double(count)),
            BenchRow("\(name).domU", Double(guests) / Double(count)),
        ]
    }

    init(_ record: RequestRecord, _ run: XenRun) {
        for instruction in record.instructions {
            switch instruction.offset {
            case run.hypervisor: hypervisor += instruction.executions
            case run.firstDomain: firstDomain += instruction.executions
            default: guests += instruction.executions
            }
        }
    }

    /// Runs a script on the board, and counts between the marks that programs execute.
    ///
    /// - Returns: the lines of the script, and a count for each measurement.
    static func counted(
        on board: XenBoard, script: String, domains: [XenDomain], files: [String: Data], timeout: Duration
    ) throws -> (lines: [String], counts: [XenCounts]) {
        let workspace = board.workspace
        let folder = workspace.state.appendingPathComponent("counts-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("counts")
        let plugin = try EmulatorPlugin(workspace: workspace, name: "requests", folder: "Requests").build()
        var counted = board
        counted.arguments += ["-plugin", "\(plugin.path),output=\(output.path)"]
        let run = try counted.run(script: script, domains: domains, files: files, timeout: timeout) {
            Progress.say($0)
        }
        let records = try RequestRecord.all(in: Data(contentsOf: output))
        guard !run.hypervisor.isEmpty, !run.firstDomain.isEmpty else {
            throw Failure("Xen does not say where it and its first domain lie in RAM")
        }
        return (run.lines, records.map { XenCounts($0, run) })
    }
}
