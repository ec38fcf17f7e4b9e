import Foundation
import SystemImage

@testable import Tool
@testable import Workshop

#if canImport(Glibc)
    import Glibc
#endif

/// A shell of the host behind a pseudo-terminal, which echoes, edits lines and has the limits of a machine's console:
/// both are the terminal layer of Linux.
final class RealShell {
    private let process: pid_t
    private let terminal: Int32
    /// The interval at which it drops one byte, as a serial port with a full buffer does; nil for never.
    private let loss: Int?
    private var typed = 0

    /// The shells that this host has: dash reads whole lines from the terminal, busybox edits them itself.
    static let all = [["dash", "-i"], ["busybox", "sh", "-i"]].compactMap { command in
        Subprocess.find(command[0]).map { [$0] + command.dropFirst() }
    }

    // These macros are not visible to Swift.
    private static let TIOCSPTLCK: UInt = 0x4004_5431
    private static let TIOCGPTN: UInt = 0x8004_5430
    private static let POSIX_SPAWN_SETSID: Int16 = 0x80

    init(_ command: [String], losing loss: Int? = nil, path: String = "/usr/bin:/bin") throws {
        self.loss = loss
        terminal = Glibc.open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (lock, number): (Int32, UInt32) = (0, 0)
        guard terminal >= 0, ioctl(terminal, Self.TIOCSPTLCK, &lock) == 0, ioctl(terminal, Self.TIOCGPTN, &number) == 0
        else {
            throw Failure("no pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        process = try Self.start(command, at: "/dev/pts/\(number)", path)
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(terminal)
    }

    /// Starts a program in a session of its own, because a shell needs a controlling terminal: the first one that the
    /// leader of a session opens.
    private static func start(_ command: [String], at terminal: String, _ path: String) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID)
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, terminal, O_RDWR, 0)
        for descriptor in [1, 2] as [Int32] { posix_spawn_file_actions_adddup2(&files, 0, descriptor) }
        let environment = ["PATH=\(path)", "PS1=shell:/# ", "TERM=linux", "HOME=/nonexistent"]
        let lists = [command, environment].map { $0.map { strdup($0) } + [nil] }
        defer { lists.joined().forEach { free($0) } }
        var process: pid_t = 0
        let error = posix_spawn(&process, command[0], &files, &attributes, lists[0], lists[1])
        guard error == 0 else { throw Failure("\(command[0]): \(String(cString: strerror(error)))") }
        return process
    }

    /// Runs a command as `--exec` does.
    func run(_ command: [UInt8], patience: Duration = .seconds(60)) throws -> (status: Int32, output: [UInt8]) {
        var remote = RemoteCommand(command)
        var output: [UInt8] = []
        let deadline = ContinuousClock.now + patience
        var actions: [RemoteCommand.Action] = []
        while ContinuousClock.now < deadline {
            for action in actions {
                switch action {
                case .type(let bytes): type(bytes)
                case .output(let bytes): output += bytes
                case .finished(let status): return (status, output)
                case .undecodable: throw Failure("undecodable")
                }
            }
            actions = remote.heard(read()) + remote.nudge()
        }
        throw Failure(
            "the shell did not end in \(patience); it said last: \(String(decoding: output.suffix(200), as: UTF8.self))"
        )
    }

    private func type(_ bytes: [UInt8]) {
        var rest = bytes.filter { _ in
            typed += 1
            return loss.map { typed % $0 != 0 } ?? true
        }[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(terminal, $0.baseAddress, min($0.count, 32)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Returns the shell's output of the next tenth of a second.
    private func read() -> [UInt8] {
        var polled = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, 100) > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 4096)
        return Array(buffer[..<max(0, Glibc.read(terminal, &buffer, buffer.count))])
    }
}
