import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// A lock that one process holds at a time. The system releases it when the process ends in any way.
final class FileLock: Sendable {
    let descriptor: Int32

    /// Takes the lock, or returns nil if another process holds it.
    ///
    /// - Throws: `Failure` if the file cannot be made.
    static func take(_ file: URL) throws -> FileLock? {
        let lock = try FileLock(opening: file)
        return flock(lock.descriptor, LOCK_EX | LOCK_NB) == 0 ? lock : nil
    }

    /// Waits until no other process holds the lock, and tells the user after a moment.
    static func wait(for file: URL, because work: String) throws -> FileLock {
        let lock = try FileLock(opening: file)
        var turns = 0
        while flock(lock.descriptor, LOCK_EX | LOCK_NB) != 0 {
            turns += 1
            guard turns > silentTurns else {
                usleep(20_000)
                continue
            }
            Progress.say("==> Waiting for another run of the tool, which \(work)")
            while flock(lock.descriptor, LOCK_EX) != 0 && errno == EINTR {}
            break
        }
        return lock
    }

    /// The number of turns, of 20 ms each, before the message. Most holders of a lock need it for less.
    private static let silentTurns = 25

    private init(opening file: URL) throws {
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        // No child inherits the descriptor, because an emulator that outlives the tool must not keep the lock.
        descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Failure.ofCall(on: file) }
    }

    deinit {
        // A process that another thread is starting has a copy of the descriptor for a moment, and a copy keeps a lock
        // that is only closed.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}

extension URL {
    /// Replaces this file at once by another one beside it, which `write` makes. Other readers see all of the old file
    /// or all of the new one.
    package func replacedWhole(_ write: (URL) throws -> Void) throws {
        let part = deletingLastPathComponent().appendingPathComponent(".\(lastPathComponent).\(UUID().uuidString)")
        do {
            try write(part)
            guard rename(part.path, path) == 0 else { throw Failure.ofCall(on: self) }
        } catch {
            try? FileManager.default.removeItem(at: part)
            throw error
        }
    }
}

extension Data {
    /// Writes a file that others may read meanwhile. They see all of the old file or all of the new one.
    package func writeWhole(to file: URL) throws {
        do {
            try file.replacedWhole { try write(to: $0) }
        } catch let error as CocoaError {
            throw Failure(error, of: file)
        }
    }
}
