import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A lock that one process has at a time, and that the system takes from it when it ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock if nobody has it; nil if somebody does.
    ///
    /// - Throws: `Failure` if there can be no such file.
    static func take(_ file: URL) throws -> FileLock? {
        let lock = try FileLock(opening: file)
        return flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 ? lock : nil
    }

    /// Waits until nobody else has the lock, and says so after a moment.
    static func wait(for file: URL, because work: String) throws -> FileLock {
        let lock = try FileLock(opening: file)
        if flock(lock.descriptor, LOCK_EX | LOCK_NB) != 0 {
            Progress.say("==> Waiting for another run of the tool, which \(work)")
            while flock(lock.descriptor, LOCK_EX) != 0 && errno == EINTR {}
        }
        return lock
    }

    private init(opening file: URL) throws {
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        // No child inherits it: an emulator that outlives the tool must not keep the lock.
        descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Failure.ofCall(on: file) }
    }

    deinit { close(descriptor) }
}

extension Data {
    /// Writes a file that others may read meanwhile: they see all of the old one or all of the new one.
    func writeWhole(to file: URL) throws {
        let part = file.deletingLastPathComponent()
            .appendingPathComponent(".\(file.lastPathComponent).\(UUID().uuidString)")
        do {
            try write(to: part)
            guard rename(part.path, file.path) == 0 else { throw Failure.ofCall(on: file) }
        } catch {
            try? FileManager.default.removeItem(at: part)
            throw (error as? CocoaError).map { Failure($0, of: file) } ?? error
        }
    }
}
