import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchMemoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Reports the uses of a board's RAM.",
        discussion: """
            Boots the system until root has built it. memory.beside is all that is neither free, nor a machine's \
            RAM, nor a file that machines start from (which stays in the image for restarts).
            """)

    @OptionGroup var system: SystemOptions

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
    var timeout = 60

    func run() throws {
        let workspace = try Workspace.current()
        let boot = try PreparedBoot(
            system.manifest(in: workspace), workspace: workspace, options: BootOptions())
        let parts = split(try account(boot.start(workspace: workspace)), boot)
        let outside = ["total", "free", "machines", "files"]
        let beside = parts.filter { !outside.contains($0.name) }.reduce(0) { $0 + $1.value }
        let rows = (parts + [("beside", beside)]).map { BenchRow("memory.\($0.name)", $0.value, unit: "KiB") }
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }

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
        let deadline = ContinuousClock.now + .seconds(timeout)
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    let parts = WorkloadRun.pairs(in: text, behind: "memory in KiB: ")
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
