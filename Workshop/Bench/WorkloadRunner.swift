import Foundation
import SystemImage
import Tool

/// Boots the machine, on Entente or without it, and listens to its workload.
struct WorkloadRunner {
    let workspace: Workspace
    let manifest: Manifest
    let machine: MachineDescription
    let timeout: Duration

    /// Runs a task of the workload.
    ///
    /// - Parameter task: the argument of the workload (Guests/Linux/workload.c).
    func run(_ task: String, isBare: Bool = false) throws -> WorkloadRun {
        var machine = machine
        machine.commandLine += " \(task)"
        var manifest = manifest
        manifest.tenants = [.machine(machine)]
        let options = BootOptions.deterministic
        let boot =
            isBare
            ? try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: options)
            : try PreparedBoot(manifest, workspace: workspace, options: options)
        return try Progress.step("Running '\(task)' on \(isBare ? "the bare emulator" : "Entente")") {
            try listen(boot.start(workspace: workspace), isBare: isBare)
        }
    }

    private func listen(_ session: Session, isBare: Bool) throws -> WorkloadRun {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var run = WorkloadRun()
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    if text.contains("workload: ") || text.contains("entente: ") { Progress.say(text) }
                    run.hear(text)
                    if text.contains("entente: machine \(machine.name) is off") { return run }
                case .ended:
                    guard isBare, run.isComplete else {
                        throw Failure("the board went off before the workload had ended")
                    }
                    return run
                case .output, .readable: break
                }
            }
        }
        throw Failure("the workload did not end in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}
