import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// The outputs of the tool, which may be closed, full or slow.
package enum StandardStreams {
    /// Writes all bytes, and waits for the reader as long as it takes.
    ///
    /// - Throws: `Failure` if that is impossible, as on a full disk.
    package static func write(_ bytes: some Sequence<UInt8>, to descriptor: Int32 = STDOUT_FILENO) throws {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another program may have made the terminal non-blocking.
                var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&polled, 1, 1000)
            } else if errno != EINTR {
                throw failure(of: descriptor)
            }
        }
    }

    /// Flushes the printed text and checks that it has arrived, because `print` does not report errors.
    package static func finish() throws {
        guard fflush(nil) == 0 else { throw failure(of: STDOUT_FILENO) }
    }

    private static func failure(of descriptor: Int32) -> Failure {
        let error = errno
        let name = descriptor == STDOUT_FILENO ? "standard output" : "standard error"
        return Failure(
            "\(name): \(String(cString: strerror(error)))",
            remedy: error == ENOSPC ? Failure.remedyForFullDisk : "send it to a file or a program that accepts it")
    }
}
