import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// A console of a system that another run of the tool has booted (`ControlServer`).
final class ConsoleClient {
    /// The whole name of the console.
    let name: String
    let socket: Int32
    /// The name of the system, as its run prints it.
    private let run: String

    /// The time for which a run may leave a new connection, or typed bytes, without an answer.
    static let patience = Duration.seconds(10)

    /// Connects to a console.
    ///
    /// - Parameters:
    ///   - console: its name, or the beginning of it.
    ///   - system: the system's name, as its run prints it; nil if only one runs.
    init(
        _ console: String, of system: String?, workspace: Workspace, patience: Duration = ConsoleClient.patience
    ) throws {
        let (run, socket) = try Self.connect(to: system, workspace: workspace, patience: patience)
        let answer: String
        do {
            try Self.send(Array("\(console)\n".utf8), to: socket, of: run)
            answer = try Self.readLine(from: socket, of: run, until: .now + patience)
            guard !answer.hasPrefix("error: ") else {
                throw Failure(String(answer.dropFirst("error: ".count)), remedy: "choose from these names")
            }
        } catch {
            close(socket)
            throw error
        }
        (self.run, self.socket, name) = (run, socket, answer)
    }

    deinit { close(socket) }

    func type(_ bytes: some Sequence<UInt8>) throws { try Self.send(Array(bytes), to: socket, of: run) }

    static let ended = Failure("the system ended", status: ExitStatus.connectionLost)

    private static func silent(_ run: String) -> Failure {
        Failure(
            "the run of '\(run)' does not answer: \(ControlServer.mostClients) consoles may be in use, or its terminal "
                + "is stopped",
            remedy: "end another console, or let that run go on", status: ExitStatus.timeout)
    }

    private static func readLine(
        from socket: Int32, of run: String, until deadline: ContinuousClock.Instant
    ) throws -> String {
        var line: [UInt8] = []
        while true {
            var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, max(0, (deadline - .now).milliseconds)) > 0 else { throw silent(run) }
            guard let byte = receive(1, from: socket)?.first else { throw ended }
            if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
    }

    /// Sends all bytes. Each part waits at most as long as the socket's own limit.
    private static func send(_ bytes: [UInt8], to socket: Int32, of run: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.prefix(4096).withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                throw silent(run)
            } else if errno != EINTR || TerminalMode.wasInterrupted {
                throw ended
            }
        }
    }

    /// Returns the console's next output. It is empty if the console is silent for `patience`, and nil at the system's
    /// end.
    func read(patience: Duration) -> [UInt8]? {
        var polled = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, max(0, patience.milliseconds)) > 0 else { return [] }
        return Self.receive(4096, from: socket)
    }

    private static func receive(_ most: Int, from socket: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: most)
        while true {
            let count = recv(socket, &buffer, most, 0)
            if count > 0 { return Array(buffer[..<count]) }
            if count == 0 || errno != EINTR { return nil }
        }
    }

    private static func connect(
        to system: String?, workspace: Workspace, patience: Duration
    ) throws -> (name: String, socket: Int32) {
        let suffix = ".control"
        let files = (try? FileManager.default.contentsOfDirectory(atPath: workspace.runs.path)) ?? []
        var running: [(name: String, socket: Int32)] = []
        for file in files where file.hasSuffix(suffix) {
            let name = String(file.dropLast(suffix.count))
            let path = workspace.runs.appendingPathComponent(file)
            switch try LocalSocket.connect(to: path, patience: patience) {
            case .open(let socket): running.append((name, socket))
            case .absent: continue
            // Another run that is stopped is no reason to refuse this one.
            case .silent: if system == nil || system == name { throw silent(name) }
            }
        }
        running.sort { $0.name < $1.name }
        let names = running.map { "'\($0.name)'" }.joined(separator: ", ")
        let wanted = system.map { name in running.filter { $0.name == name } } ?? running
        for other in running where wanted.count != 1 || other.socket != wanted[0].socket { close(other.socket) }
        if wanted.count == 1 { return wanted[0] }
        if running.isEmpty { throw Failure("no system runs", remedy: "start one with ./entente run") }
        throw Failure(
            system.map { "no system named '\($0)' runs, but \(names)" } ?? "several systems run: \(names)",
            remedy: "name one of them by --system")
    }
}
