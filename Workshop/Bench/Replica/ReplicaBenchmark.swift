import Foundation
import SystemImage
import Tool

/// Measures whether a machine is an efficient replica of the board: the instructions of the whole board for everyday
/// work of the same Linux, on the bare board and below each system, on one to four processors.
struct ReplicaBenchmark {
    let workspace: Workspace
    var timeout = Duration.seconds(900)

    /// The systems that are compared.
    static let subjects: [Subject] = [.native, .entente, .kvm, .xen]

    /// A kind of work (Guests/Linux/workload.c).
    enum Work: Equatable {
        /// Each task, divided among so many processors.
        case crew(Int)
        /// Requests of a disk, on one processor.
        case disk
        /// A million system calls, or nothing, without a figure.
        case calls, boot

        var argument: String {
            switch self {
            case .crew(let processors): "crew \(processors)"
            case .disk: "disk 1"
            case .calls: "calls"
            case .boot: "boot"
            }
        }

        /// True if the exits of the machine are the purpose.
        var countsExits: Bool { self == .calls || self == .boot }

        var processors: Int { if case .crew(let processors) = self { processors } else { 1 } }
    }

    /// The size of the disk, in bytes. The workload uses the first 8 MiB.
    private static let diskSize: UInt64 = 64 << 20

    /// The time of a board without a disk does not depend on the host at all. With a disk, an idle board waits in the
    /// host's time.
    private func options(for work: Work) -> BootOptions {
        work == .disk ? BootOptions(extraArguments: ["-icount", "shift=0,sleep=on", "-seed", "1"]) : .deterministic
    }

    /// Returns true if a subject can do a kind of work. Nothing leaves the bare board.
    static func can(_ subject: Subject, do work: Work) -> Bool {
        !work.countsExits || subject != .native
    }

    /// Runs a kind of work on a subject.
    ///
    /// - Parameter phase: delays each task by so many steps of 0.8 ms. Runs of one phase hardly differ, and those of
    ///   several phases show by how much the places of the timer's interrupts change a figure.
    func run(_ work: Work, on subject: Subject, phase: Int = 0) throws -> ReplicaRun {
        let folder = workspace.state.appendingPathComponent("replica-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("count")
        let plugin = try InstructionRecord.arguments(workspace: workspace, file: output)
        let (manifest, machine) = try described(for: work, phase: phase, in: folder)
        // Below KVM, code of the host and its guest lie between each other.
        let crossings = work.countsExits && subject != .kvm ? folder.appendingPathComponent("crossings") : nil
        var run = ReplicaRun()
        let title = "Running '\(work.argument)' (\(subject.rawValue))"
        switch subject {
        case .kvm:
            let guest = try KVMGuest(
                "guest", like: machine, workspace: workspace, disk: work == .disk ? "/dev/vda" : nil)
            var board = KVMBoard(host: KVMHost(workspace: workspace, guests: [guest]), cores: work.processors)
            (board.options, board.timeout) = (options(for: work), timeout)
            if work == .disk { board.disk = Self.diskSize }
            try board.run(title, arguments: plugin) { line, _ in run.hear(line) }
        case .xen:
            // The console is shown when the guest is off, so that nothing runs beside it.
            let domain = XenDomain(
                name: "guest", memory: Int(machine.memory >> 20), cpus: work.processors,
                files: ["measure": try LinuxWorkload(workspace: workspace).build()],
                disk: work == .disk ? "/dev/vda" : nil, directArguments: "\(work.argument) \(phase)")
            var board = XenBoard(workspace: workspace, cores: work.processors, arguments: plugin)
            if work == .disk { board.disk = try emptyDisk(in: folder) }
            if let crossings {
                board.arguments += try CrossingRecord.arguments(workspace: workspace, file: crossings)
            }
            let places = try Progress.step(title) {
                try board.run(script: "start guest\nshow guest\n", domains: [domain], timeout: timeout) {
                    run.hear($0)
                }
            }
            if let crossings { try run.count(CrossingRecord(file: crossings), places) }
        default:
            var options = options(for: work)
            options.disks = folder
            var boot =
                subject == .native
                ? try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: options)
                : try PreparedBoot(manifest, workspace: workspace, options: options)
            boot.arguments += plugin
            if let crossings { boot.arguments += try CrossingRecord.arguments(workspace: workspace, file: crossings) }
            try Progress.step(title) {
                let session = try boot.start(workspace: workspace)
                defer { session.end() }
                try listen(to: session, isBare: subject == .native) { run.hear($0) }
            }
            if let crossings {
                run.crossings = try CrossingRecord(file: crossings).exits(to: BoardPart.image(of: boot))
            }
        }
        try run.count(InstructionRecord(file: output))
        return run
    }

    /// Makes the file of a disk for a board that no manifest describes.
    private func emptyDisk(in folder: URL) throws -> URL {
        let disk = folder.appendingPathComponent("disk.raw")
        guard FileManager.default.createFile(atPath: disk.path, contents: nil) else {
            throw Failure("the file \(disk.path) cannot be made")
        }
        try FileHandle(forWritingTo: disk).truncate(atOffset: Self.diskSize)
        return disk
    }

    private func listen(to session: Session, isBare: Bool, heard: (String) -> Void) throws {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    heard(text)
                    if text.contains("entente: machine \(Self.name) is off") { return }
                case .ended:
                    guard isBare else { throw Failure("the board went off before the workload had ended") }
                    return
                case .output, .readable: break
                }
            }
        }
        throw Failure("the workload did not end in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }

    private static let name = "debian"

    /// Returns the board of Entente and its machine, which is the whole board of the subject `native`, and the guest of
    /// KVM.
    private func described(for work: Work, phase: Int, in folder: URL) throws -> (Manifest, MachineDescription) {
        let hasDisk = work == .disk
        let boardDisks = hasDisk ? ", disks: {plain: {size: \(Self.diskSize >> 20)MiB}}" : ""
        let disks = hasDisk ? ", disks: {data: {whole: true, board-disk: plain}}" : ""
        let text = """
            system: bench-replica
            board: {cpu: neoverse-n1, cores: \(work.processors), memory: 1GiB\(boardDisks)}
            machines:
              \(Self.name):
                {guest: debian, memory: 256MiB, cpus: \(work.processors)\(disks),
                 command-line: "console=ttyAMA0 quiet kpti=off rdinit=/workload -- \(work.argument) \(phase)"}

            """
        let file = folder.appendingPathComponent("system.yaml")
        try Data(text.utf8).writeWhole(to: file)
        var manifest = try Manifest.load(path: file.path)
        let machine = try LinuxWorkload(workspace: workspace).added(to: manifest.machines[0])
        manifest.replace(machine)
        return (manifest, machine)
    }
}
