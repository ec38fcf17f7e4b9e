import Foundation
import SystemImage
import Tool

/// Counts the instructions of the start of a machine of `MachineCrowd` on the bare board, without a disk.
struct MachineStart {
    let workspace: Workspace
    var timeout = Duration.seconds(300)

    /// Returns the instructions of the board from its reset until the machine has said that its Linux has started.
    func instructions() throws -> Double {
        let folder = workspace.state.appendingPathComponent("start-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let crowd = MachineCrowd(count: 1, kind: .debian)
        let manifest = try Manifest.load(path: crowd.write(to: folder).path)
        guard let machine = manifest.machines.first else { throw Failure("the manifest has no machine") }
        let options = BootOptions(extraArguments: MachineCrowd.clock)
        var boot = try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: options)
        let executed = folder.appendingPathComponent("count")
        boot.arguments += try InstructionRecord.arguments(workspace: workspace, file: executed)
        return try Progress.step("Starting one machine on the bare board") {
            let session = try boot.start(workspace: workspace)
            defer { session.end() }
            return Double(try crowd.starts(session, executed: executed, timeout: timeout) { _ in }.first ?? 0)
        }
    }
}
