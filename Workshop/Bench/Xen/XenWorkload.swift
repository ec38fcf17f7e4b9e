import Foundation
import SystemImage
import Tool

/// Runs the workload of `Guests/Linux/workload.c` as the first process of a guest of Xen.
struct XenWorkload {
    let workspace: Workspace
    var timeout = Duration.seconds(900)

    func run(_ task: String = "set") throws -> WorkloadRun {
        let program = try LinuxWorkload(workspace: workspace).build()
        let domain = XenDomain(name: "guest", files: ["measure": program], directArguments: task)
        let lines = try Progress.step("Running '\(task)' in a guest of Xen") {
            try XenBoard(workspace: workspace)
                .run(script: "start guest\nshow guest\n", domains: [domain], timeout: timeout) { Progress.say($0) }
                .lines
        }
        var run = WorkloadRun()
        for line in lines { run.hear(line) }
        guard run["total"] != nil || task != "set" else { throw Failure("the workload did not end on Xen: \(lines)") }
        return run
    }

    func rows() throws -> [BenchRow] {
        try run().figures.map { BenchRow("xen.guest.\($0.name)", $0.value) }
    }
}
