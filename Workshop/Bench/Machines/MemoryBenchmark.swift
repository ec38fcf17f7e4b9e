import Foundation
import SystemImage
import Tool

/// Reports the uses of a board's RAM, as root prints them when it has built the system.
struct MemoryBenchmark {
    let workspace: Workspace
    var timeout = Duration.seconds(60)

    func rows(of manifest: Manifest) throws -> [BenchRow] {
        let boot = try PreparedBoot(manifest, workspace: workspace, options: BootOptions())
        return rows(try account(boot.start(workspace: workspace)), boot)
    }

    /// Starts a crowd of machines. The instructions of the whole board until the first and until the last of them has
    /// started come along.
    func rows(of crowd: MachineCrowd) throws -> [BenchRow] {
        let folder = workspace.state.appendingPathComponent("machines-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = BootOptions(extraArguments: MachineCrowd.clock)
        options.disks = folder
        let manifest = try Manifest.load(path: crowd.write(to: folder).path)
        var boot = try PreparedBoot(manifest, workspace: workspace, options: options)
        let executed = folder.appendingPathComponent("count")
        boot.arguments += try InstructionRecord.arguments(workspace: workspace, file: executed)
        return try Progress.step("Starting \(crowd.count) machines") {
            let session = try boot.start(workspace: workspace)
            defer { session.end() }
            var figures: [WorkloadRun.Figure] = []
            let starts = try crowd.starts(session, executed: executed, timeout: timeout) {
                let found = WorkloadRun.pairs(in: $0, behind: Self.account)
                if !found.isEmpty { figures = found }
            }
            return self.rows(figures, boot)
                + [("first", starts.first), ("last", starts.last)].map {
                    BenchRow("machines.\(crowd.count).\($0)", Double($1 ?? 0))
                }
        }
    }

    private func rows(_ figures: [WorkloadRun.Figure], _ boot: PreparedBoot) -> [BenchRow] {
        let parts = split(figures, boot)
        let outside = ["total", "free", "machines", "files"]
        let beside = parts.filter { !outside.contains($0.name) }.reduce(0) { $0 + $1.value }
        return (parts + [("beside", beside)]).map { BenchRow("memory.\($0.name)", $0.value, unit: "KiB") }
    }

    /// The beginning of root's line.
    private static let account = "memory in KiB: "

    /// Divides the figures that root cannot divide: memory of machines and components, and files and programs in the
    /// image.
    private func split(_ figures: [WorkloadRun.Figure], _ boot: PreparedBoot) -> [WorkloadRun.Figure] {
        let (memory, files) = (Double(boot.machineMemory >> 10), Double((boot.machineFiles + 1023) >> 10))
        return figures.flatMap { figure -> [WorkloadRun.Figure] in
            switch figure.name {
            case "image": [("files", files), ("programs", figure.value - files)]
            case "extents": [("machines", memory), ("components", figure.value - memory)]
            default: [figure]
            }
        }
    }

    /// Returns the pairs of root's line.
    private func account(_ session: Session) throws -> [WorkloadRun.Figure] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    let parts = WorkloadRun.pairs(in: text, behind: Self.account)
                    if !parts.isEmpty { return parts }
                case .ended: throw Failure("the board went off before root had built the system")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "root did not build the system in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}
