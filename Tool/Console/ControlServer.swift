import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Lets other runs of the tool use the consoles of a running system (`ConsoleClient`).
///
/// A client sends a line with a console's name. The server answers by a line with the console's whole name, or by one
/// that begins with `error: `. From then on it types the client's bytes at the console, and sends the console's output
/// back.
///
/// The session's thread serves clients between its other work, and waits for none of them. It disconnects a client that
/// does not read.
final class ControlServer {
    /// Bytes to type, with their console.
    typealias Input = (channel: UInt8, bytes: [UInt8])

    private final class Client {
        let socket: Int32
        var channel: UInt8?
        var line: [UInt8] = []
        var unsent: [UInt8] = []

        init(socket: Int32) { self.socket = socket }
        deinit { close(socket) }
    }

    private let socket: Int32
    private let channels: [Channel]
    private var clients: [Client] = []

    static let mostClients = 8
    private static let longestLine = 128
    /// The number of bytes that a client may leave unread.
    private static let mostUnsent = 1 << 20

    init(place: RunPlace, channels: [Channel]) throws {
        self.channels = channels
        socket = try LocalSocket.listen(at: place.control)
    }

    deinit { close(socket) }

    /// Returns the descriptors that poll(2) shall watch.
    ///
    /// - Parameter takesInput: true if the caller can type bytes of clients now. Otherwise they stay in their sockets.
    func polled(takesInput: Bool) -> [pollfd] {
        var polled = clients.map { client in
            let events = (takesInput ? POLLIN : 0) | (client.unsent.isEmpty ? 0 : POLLOUT)
            return pollfd(fd: client.socket, events: Int16(events), revents: 0)
        }
        if clients.count < Self.mostClients { polled.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0)) }
        return polled
    }

    /// Serves the clients that poll(2) reports, and returns their input.
    func serve(_ polled: some Sequence<pollfd>) -> [Input] {
        var inputs: [Input] = []
        for entry in polled where entry.revents != 0 {
            if entry.fd == socket {
                accept()
            } else if let client = clients.first(where: { $0.socket == entry.fd }) {
                if entry.revents & Int16(POLLOUT) != 0 { send([], to: client) }
                if entry.revents & ~Int16(POLLOUT) != 0 { inputs += read(client) }
            }
        }
        return inputs
    }

    /// Sends a console's output to its clients.
    func said(_ bytes: [UInt8], by channel: UInt8) {
        for client in clients where client.channel == channel { send(bytes, to: client) }
    }

    private func accept() {
        let accepted = Glibc.accept(socket, nil, nil)
        guard accepted >= 0 else { return }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        clients.append(Client(socket: accepted))
    }

    private func drop(_ client: Client) { clients.removeAll { $0 === client } }

    private func read(_ client: Client) -> [Input] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(client.socket, &buffer, buffer.count, 0)
        guard count > 0 else {
            if count == 0 || (errno != EAGAIN && errno != EINTR) { drop(client) }
            return []
        }
        if let channel = client.channel { return [(channel, Array(buffer[..<count]))] }
        client.line += buffer[..<count]
        return open(client)
    }

    /// Finds the console that the first line names. The bytes behind that line are input already.
    private func open(_ client: Client) -> [Input] {
        guard let end = client.line.firstIndex(of: 0x0A) else {
            if client.line.count > Self.longestLine { drop(client) }
            return []
        }
        let name = String(decoding: client.line[..<end], as: UTF8.self)
        guard let channel = channels.meant(by: name) else {
            let names = channels.map(\.name).joined(separator: ", ")
            send(Array("error: no console has the name '\(name)'; the consoles are: \(names)\n".utf8), to: client)
            drop(client)
            return []
        }
        client.channel = channel.number
        send(Array("\(channel.name)\n".utf8), to: client)
        let rest = Array(client.line[(end + 1)...])
        client.line = []
        return rest.isEmpty ? [] : [(channel.number, rest)]
    }

    private func send(_ bytes: [UInt8], to client: Client) {
        client.unsent += bytes
        let count = client.unsent.withUnsafeBytes {
            Glibc.send(client.socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count > 0 { client.unsent.removeFirst(count) }
        if (count < 0 && errno != EAGAIN && errno != EINTR) || client.unsent.count > Self.mostUnsent { drop(client) }
    }
}
