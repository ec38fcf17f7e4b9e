import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// Sockets that are files.
enum LocalSocket {
    /// Listens at a file that only this account may use. It replaces a file that is already there.
    static func listen(at file: URL) throws -> Int32 {
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        unlink(file.path)
        let socket = try made()
        // `bind` gives the file the socket's own permissions. Changing the process' mask for a moment instead would
        // also take permissions from the files that other threads create meanwhile.
        guard fchmod(socket, 0o600) == 0 else { throw failure(file, closing: socket) }
        guard try with(file, { bind(socket, $0, $1) }) == 0, Glibc.listen(socket, 8) == 0 else {
            throw failure(file, closing: socket)
        }
        return socket
    }

    /// The result of an attempt to connect.
    enum Connection {
        case open(Int32)
        /// No process listens at the file any more.
        case absent
        /// So many connections wait already that the listener must be stuck.
        case silent

        var socket: Int32? { if case .open(let socket) = self { socket } else { nil } }
    }

    /// Connects to the process that listens at a file.
    ///
    /// - Parameter patience: the time that this call, and later each sending, may wait.
    static func connect(to file: URL, patience: Duration = .seconds(10)) throws -> Connection {
        let socket = try made()
        let milliseconds = Int(max(1, patience.milliseconds))
        var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard try with(file, { Glibc.connect(socket, $0, $1) }) != 0 else { return .open(socket) }
        if errno == EAGAIN {
            close(socket)
            return .silent
        }
        guard [ECONNREFUSED, ENOENT].contains(errno) else { throw failure(file, closing: socket) }
        close(socket)
        return .absent
    }

    private static func made() throws -> Int32 {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Failure("no socket: \(String(cString: strerror(errno)))") }
        return socket
    }

    private static func failure(_ file: URL, closing socket: Int32) -> Failure {
        let code = errno
        close(socket)
        return Failure.ofCall(code, on: file)
    }

    /// Calls `body` with the file's address. An address has room for 108 bytes, and the path may be longer, so the
    /// address names the folder by the number of its open descriptor.
    private static func with(_ file: URL, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) throws -> Int32 {
        let folder = open(file.deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return -1 }
        defer {
            let code = errno
            close(folder)
            errno = code
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array("/proc/self/fd/\(folder)/\(file.lastPathComponent)".utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(
                "'\(file.lastPathComponent)' is too long for a socket", remedy: "give the system a shorter name")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
