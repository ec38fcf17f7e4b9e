import ArgumentParser
import Foundation
import SystemImage

struct DebugCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "debug",
        abstract: "Boots a system on QEMU and opens gdb on one part of it.",
        discussion: """
            NAME is a component, a machine (its kernel), MACHINE.monitor, 'root', 'serial' or 'kernel'. The board \
            waits before its first instruction; 'continue' starts it, Ctrl-C stops it wherever it is. gdb has the symbols of \
            NAME, and each breakpoint and watchpoint gets a condition, so that it stops in NAME's address space and \
            privilege level only: others may have the same addresses. The consoles go to .entente/logs/SYSTEM.
            """)

    @OptionGroup var system: SystemOptions

    @Argument(help: ArgumentHelp("What to debug.", valueName: "name"))
    var name: String

    @Option(
        help: ArgumentHelp(
            "An ELF file with the symbols of a machine whose own kernel file has none.", valueName: "file"))
    var symbols: String?

    @Option(
        name: .customLong("gdb-argument"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Pass an argument to gdb; may be repeated.", valueName: "argument"))
    var gdbArguments: [String] = []

    func run() throws {
        guard let gdb = Subprocess.find(DebugCommand.debugger) else {
            throw Failure(
                "the program '\(DebugCommand.debugger)' is not installed",
                remedy: "start the tool by ./entente, which installs it")
        }
        let workspace = try Workspace.current()
        let manifest = try system.manifest(in: workspace)
        var options = BootOptions()
        let socket = FileManager.default.temporaryDirectory
            .appendingPathComponent("entente-\(UUID().uuidString.prefix(8)).gdb")
        options.extraArguments = ["-S", "-gdb", "unix:\(socket.path),server=on,wait=off"]
        let boot = try PreparedBoot(manifest, workspace: workspace, options: options)
        let target = try DebugTarget(
            named: name, in: manifest, channels: boot.channels,
            symbols: symbols.map { URL(fileURLWithPath: $0) }, workspace: workspace)
        let script = socket.appendingPathExtension("script")
        try Data(target.script(socket: socket).utf8).write(to: script)
        defer {
            for file in [socket, script] { try? FileManager.default.removeItem(at: file) }
        }
        let logs = boot.files.logs.path
        Progress.say("==> Booting '\(manifest.name)' on QEMU, stopped; its consoles go to \(logs)")
        let listener = ConsoleListener(try boot.start(workspace: workspace))
        defer { listener.end() }
        try DebugCommand.wait(for: socket)
        throw ExitCode(try ForegroundProcess.run(gdb, ["-q", "-nx", "-x", script.path] + gdbArguments))
    }

    private static let debugger = "gdb-multiarch"

    /// Waits until QEMU has made the socket, which it does early, but only after its start.
    private static func wait(for socket: URL) throws {
        for _ in 0..<100 where !FileManager.default.fileExists(atPath: socket.path) { usleep(50_000) }
        guard FileManager.default.fileExists(atPath: socket.path) else {
            throw Failure("QEMU did not open the socket for the debugger in 5 s", remedy: "try again")
        }
    }
}

/// Moves a session's consoles into their logs on a thread of its own, while a debugger has the terminal.
private final class ConsoleListener: @unchecked Sendable {
    /// The session, which the thread uses, and also the caller that ends it.
    private nonisolated(unsafe) let session: Session
    private let lock = NSLock()
    private var isOver = false

    init(_ session: Session) {
        self.session = session
        Thread { [self] in
            while !lock.withLock({ isOver }) {
                let events = self.session.wait(timeout: .milliseconds(100))
                if events.contains(where: { if case .ended = $0 { true } else { false } }) { return }
            }
        }.start()
    }

    func end() {
        lock.withLock { isOver = true }
        session.end()
    }
}
