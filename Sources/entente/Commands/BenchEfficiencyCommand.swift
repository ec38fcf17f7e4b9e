import ArgumentParser
import Foundation
import SystemImage

struct BenchEfficiencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "efficiency",
        abstract: "Compares a Debian machine on Entente with the same on the bare emulator.",
        discussion: """
            Same kernel, initial file system, command line and seed, with deterministic time (-icount shift=0). The machine \
            runs the workload of Guests/Linux as its first process. guest.efficiency is the bare emulator's instructions for \
            the workload divided by the machine's; exits are counted by the kernel, by kind.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("End a run after this time.", valueName: "seconds"))
    var timeout = 300

    func run() throws {
        let workspace = try Workspace.current()
        let file = workspace.root.appendingPathComponent("Benchmarks/efficiency/system.yaml")
        let manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let machine = try LinuxWorkload(workspace: workspace).added(to: described)
        let runner = WorkloadRunner(
            workspace: workspace, manifest: manifest, machine: machine, timeout: .seconds(timeout))
        let bare = try runner.run("set", isBare: true)
        let set = try runner.run("set")
        let boot = try runner.run("boot")
        let calls = try runner.run("calls")
        let rows = WorkloadRun.comparison(of: set, with: bare)
            + boot.exits.map { BenchRow("exits.boot.\($0.name)", $0.value, unit: "exits") }
            + WorkloadRun.difference(calls, boot).map { BenchRow("exits.million-getppid.\($0.name)", $0.value, unit: "exits") }
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}

/// Boots the machine, on Entente or without, and listens to its workload.
struct WorkloadRunner {
    let workspace: Workspace
    let manifest: Manifest
    let machine: MachineDescription
    let timeout: Duration

    /// - Parameter task: what the workload is to do; see Guests/Linux/workload.c.
    func run(_ task: String, isBare: Bool = false) throws -> WorkloadRun {
        var machine = machine
        machine.commandLine += " \(task)"
        var manifest = manifest
        manifest.machines = [machine]
        manifest.tenants = [.machine(machine)]
        let options = try EmulatorOptions.parse(["--icount"])
        let plan = isBare
            ? try BootPlan(bare: machine, of: manifest, workspace: workspace, options: options)
            : try BootPlan(manifest, workspace: workspace, options: options)
        return try Progress.step("Running '\(task)' on \(isBare ? "the bare emulator" : "Entente")") {
            try listen(plan.start(workspace: workspace), isBare: isBare)
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
                    guard isBare, run.isComplete else { throw Failure("the board went off before the workload had ended") }
                    return run
                case .output, .readable: break
                }
            }
        }
        throw Failure("the workload did not end in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}

/// What a run of the workload said.
struct WorkloadRun {
    typealias Figure = (name: String, value: Double)
    /// `workload: NAME VALUE` lines.
    private(set) var figures: [Figure] = []
    /// The pairs of the line `entente: machine NAME exits: KIND COUNT …`.
    private(set) var exits: [Figure] = []

    var isComplete: Bool { !figures.isEmpty }

    subscript(name: String) -> Double? { figures.first { $0.name == name }?.value }

    mutating func hear(_ line: String) {
        figures += WorkloadRun.pairs(in: line, behind: "workload: ")
        if line.contains("entente: machine ") { exits += WorkloadRun.pairs(in: line, behind: " exits: ") }
    }

    /// Words and numbers in turn.
    static func pairs(in line: String, behind mark: String) -> [Figure] {
        guard let start = line.firstRange(of: mark)?.upperBound else { return [] }
        let words = line[start...].split(separator: " ")
        return stride(from: 0, to: words.count - words.count % 2, by: 2).compactMap { index in
            Double(words[index + 1]).map { (String(words[index]), $0) }
        }
    }

    /// Each figure of both, and the ratio of the totals.
    static func comparison(of machine: WorkloadRun, with bare: WorkloadRun) -> [BenchRow] {
        let rows = machine.figures.flatMap { figure in
            [BenchRow("guest.\(figure.name)", figure.value)] + (bare[figure.name].map { [BenchRow("guest.\(figure.name).bare", $0)] } ?? [])
        }
        guard let total = machine["total"], let bareTotal = bare["total"] else { return rows }
        return rows + [BenchRow("guest.efficiency", bareTotal / total, unit: "ratio")]
    }

    static func difference(_ more: WorkloadRun, _ less: WorkloadRun) -> [Figure] {
        more.exits.map { figure in (figure.name, figure.value - (less.exits.first { $0.name == figure.name }?.value ?? 0)) }
    }
}
