import Foundation
import SystemImage
import Tool

/// A board on which Debian's Linux is a host of KVM and runs guests.
struct KVMBoard {
    var host: KVMHost
    /// The cores of the board, all of which belong to the host.
    var cores = 1
    /// The host's memory beside the guests' RAM, in bytes. Its initial file system needs a part of it.
    var hostMemory: UInt64 = 2 << 30
    /// The size in bytes of the host's disk `/dev/vda`, or nil for none.
    var disk: UInt64?
    var options = BootOptions.deterministic
    var timeout = Duration.seconds(900)

    /// A line of the host's console.
    enum Line: Equatable {
        /// A line of a guest's console.
        case guest(String, String)
        /// KVM's counters of a guest that are not zero.
        case exits(String, [String: Double])
        /// The host's figures of `/proc/meminfo` and the resident memory of each guest's QEMU, in KiB.
        case memory([String: Double])
        case off(String)
        case end
        case host(String)

        init(_ text: String) {
            guard let words = text.firstRange(of: "kvm ")?.upperBound ?? text.firstRange(of: "kvm:")?.lowerBound
            else {
                self = .host(text)
                return
            }
            let rest = text[words...]
            if rest.hasPrefix("kvm: end") {
                self = .end
            } else if let match = rest.prefixMatch(of: /([\w-]+) is off/) {
                self = .off(String(match.1))
            } else if let match = rest.prefixMatch(of: /([\w-]+) exits:/) {
                self = .exits(String(match.1), Self.values(in: rest, behind: " exits:"))
            } else if rest.hasPrefix("memory:") {
                self = .memory(Self.values(in: rest, behind: "memory:"))
            } else if let match = rest.prefixMatch(of: /([\w-]+): ?/) {
                self = .guest(String(match.1), String(rest[match.range.upperBound...]))
            } else {
                self = .host(text)
            }
        }

        private static func values(in text: Substring, behind mark: String) -> [String: Double] {
            Dictionary(WorkloadRun.pairs(in: String(text), behind: mark)) { $1 }
        }
    }

    /// Boots the host, and listens until its script has ended.
    ///
    /// - Parameters:
    ///   - title: what the board does, for the messages of progress.
    ///   - arguments: further arguments of the emulator, such as a plugin.
    ///   - heard: receives each line with the session, to which it may type.
    func run(
        _ title: String, arguments: [String] = [], heard: (Line, Session) throws -> Void
    ) throws {
        let workspace = host.workspace
        let folder = workspace.state.appendingPathComponent("kvm-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (manifest, machine) = try described(in: folder)
        var options = options
        options.disks = folder
        var boot = try PreparedBoot(
            bare: machine, of: manifest, workspace: workspace, options: options, hasVirtualization: true)
        boot.arguments += arguments
        try Progress.step(title) {
            let session = try boot.start(workspace: workspace)
            defer { session.end() }
            try listen(to: session, heard: heard)
        }
    }

    private func listen(to session: Session, heard: (Line, Session) throws -> Void) throws {
        let deadline = ContinuousClock.now + timeout
        let log = session.files.log(ofConsole: Self.name).shortPath
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    let line = Line(text)
                    try heard(line, session)
                    if line == .end { return }
                case .ended:
                    throw Failure("the host of KVM went off before its script had ended", remedy: "look at \(log)")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "the host of KVM did not end in time", remedy: "allow more by --timeout, or look at \(log)",
            status: ExitStatus.timeout)
    }

    private static let name = "host"
    static let cpu = "neoverse-n1"

    /// Returns the board and the machine that is the host.
    ///
    /// - Parameter folder: gets the files of the manifest and of the host's initial file system.
    private func described(in folder: URL) throws -> (Manifest, MachineDescription) {
        let memory = (host.guests.reduce(hostMemory) { $0 + $1.memory }) >> 20
        let boardDisks = disk.map { ", disks: {plain: {size: \($0 >> 20)MiB}}" } ?? ""
        let disks = disk.map { _ in ", disks: {data: {whole: true, board-disk: plain}}" } ?? ""
        let text = """
            system: bench-kvm
            board: {cpu: \(Self.cpu), cores: \(cores), memory: \(memory + 512)MiB\(boardDisks)}
            machines:
              \(Self.name): {guest: debian, memory: \(memory)MiB, cpus: \(cores), command-line: "\(Self.commandLine)"\(disks)}

            """
        let file = folder.appendingPathComponent("system.yaml")
        try Data(text.utf8).writeWhole(to: file)
        let manifest = try Manifest.load(path: file.path)
        guard var machine = manifest.machines.first else { throw Failure("the manifest has no machine") }
        let files = try GuestFiles(of: machine, workspace: host.workspace)
        let initrd = folder.appendingPathComponent("initrd.cpio")
        let base = try files.initrd.map { try Data(contentsOf: $0) } ?? Data()
        try (base + host.archive()).writeWhole(to: initrd)
        machine.guest = .files(kernel: files.kernel, initrd: initrd, format: files.format)
        return (manifest, machine)
    }

    private static let commandLine = "console=ttyAMA0 quiet kpti=off"
}
