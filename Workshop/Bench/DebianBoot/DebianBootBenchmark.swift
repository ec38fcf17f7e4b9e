import Foundation
import SystemImage
import Tool

/// Counts the instructions of the start of a whole Debian, on the bare board and on Entente, from the same image.
///
/// The start ends when Debian logs root in at the console, after systemd has started it. The instructions of all cores
/// and of all software count, and those alone: a core that waits for an interrupt executes none. So neither the host's
/// load nor the speed of its disk is part of a figure.
struct DebianBootBenchmark {
    let workspace: Workspace
    var timeout = Duration.seconds(900)

    /// The systems that are compared: the machine on the bare board with the whole disk, and on Entente with a clone
    /// of it in a pool.
    enum Subject: String, CaseIterable {
        case native, pool
    }

    /// A nanosecond of the board is an instruction. An idle board waits in the host's time.
    private static let clock = ["-icount", "shift=0,sleep=on", "-seed", "1"]
    private static let end = "automatic login"

    /// Starts a subject with a new disk.
    ///
    /// - Returns: the number of instructions of the whole board until the end of the start.
    func instructions(of subject: Subject) throws -> UInt64 {
        let folder = workspace.state.appendingPathComponent("debian-boot-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appendingPathComponent("count")
        var boot = try prepare(subject, in: folder)
        boot.arguments += try InstructionRecord.arguments(workspace: workspace, file: output)
        return try Progress.step("Starting Debian (\(subject.rawValue))") {
            try listen(to: boot.start(workspace: workspace))
            return try InstructionRecord(file: output).count
        }
    }

    private func prepare(_ subject: Subject, in folder: URL) throws -> PreparedBoot {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/disk-boot.yaml")
        var manifest = try Manifest.load(path: file.path)
        guard var machine = manifest.machines.first, case .debianDisk(let debian, nil) = machine.guest,
            machine.disks.count == 1, let size = machine.disks[0].size, manifest.disks.board.count == 1
        else { throw Failure("\(file.shortPath) does not describe one Debian with one disk") }
        var options = BootOptions(extraArguments: Self.clock)
        options.disks = folder
        guard subject == .native else { return try PreparedBoot(manifest, workspace: workspace, options: options) }
        let disk = DebianDisk(workspace: workspace, system: debian)
        try disk.prepare()
        let board = manifest.disks.board[0].name
        manifest.disks.board[0].size = size
        machine.guest = .files(kernel: disk.kernel, initrd: disk.initrd, format: .auto)
        machine.disks[0].place = .whole
        machine.disks[0].boardDisk = board
        let copy = folder.appendingPathComponent("\(board).raw")
        try Subprocess("cp", ["--sparse=always", disk.image.path, copy.path]).run()
        try Subprocess("truncate", ["--size", "\(size)", copy.path]).run()
        return try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: options)
    }

    private func listen(to session: Session) throws {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text): if text.contains(Self.end) { return }
                case .ended: throw Failure("the board went off before Debian had started")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "Debian did not start in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}
