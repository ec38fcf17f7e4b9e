import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A console of a system that another run of the tool has booted (`ControlServer`).
final class ConsoleClient {
    /// The console's whole name.
    let name: String
    let socket: Int32

    /// - Parameters:
    ///   - console: Its name, or the beginning of it.
    ///   - system: The system's name, as its run says it; nil if only one runs.
    init(_ console: String, of system: String?, workspace: Workspace) throws {
        socket = try Self.connect(to: system, workspace: workspace)
        try StandardStreams.write("\(console)\n".utf8, to: socket)
        var line: [UInt8] = []
        while line.last != 0x0A {
            guard let byte = Self.receive(1, from: socket)?.first else {
                close(socket)
                throw Failure("the system ended")
            }
            line.append(byte)
        }
        name = String(decoding: line.dropLast(), as: UTF8.self)
        guard !name.hasPrefix("error: ") else {
            close(socket)
            throw Failure(String(name.dropFirst("error: ".count)), remedy: "take one of these names")
        }
    }

    deinit { close(socket) }

    func type(_ bytes: some Sequence<UInt8>) throws { try StandardStreams.write(bytes, to: socket) }

    /// Returns the console's next output: nothing if it is silent for so long, nil at the system's end.
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

    private static func connect(to system: String?, workspace: Workspace) throws -> Int32 {
        let suffix = ".control"
        let files = (try? FileManager.default.contentsOfDirectory(atPath: workspace.runs.path)) ?? []
        var running: [(name: String, socket: Int32)] = []
        for file in files where file.hasSuffix(suffix) {
            guard let socket = try LocalSocket.connect(to: workspace.runs.appendingPathComponent(file)) else { continue }
            running.append((String(file.dropLast(suffix.count)), socket))
        }
        running.sort { $0.name < $1.name }
        let names = running.map { "'\($0.name)'" }.joined(separator: ", ")
        let wanted = system.map { name in running.filter { $0.name == name } } ?? running
        for other in running where wanted.count != 1 || other.socket != wanted[0].socket { close(other.socket) }
        if wanted.count == 1 { return wanted[0].socket }
        if running.isEmpty { throw Failure("no system runs", remedy: "start one with ./entente run") }
        throw Failure(
            system.map { "no system named '\($0)' runs, but \(names)" } ?? "several systems run: \(names)",
            remedy: "name one of them by --system")
    }
}
