import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// Large files that must not stay if Ctrl-C or another signal ends the tool while it makes them.
enum PartialFile {
    /// The paths of the files that are being made. The signal handler reads them.
    nonisolated(unsafe) private static var paths: [UnsafeMutablePointer<CChar>] = []
    private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    /// Passes the place for a new file to `body`, and removes the file at the end, or when a signal ends the tool.
    ///
    /// - Parameters:
    ///   - folder: the folder of the file.
    ///   - name: a part of the file's name, for a user who finds the file after a crash.
    static func temporary<Result>(
        in folder: URL, named name: String, _ body: (URL) throws -> Result
    ) throws -> Result {
        let file = folder.appendingPathComponent(".\(name).\(UUID().uuidString)")
        guard let path = strdup(file.path) else { throw Failure("no memory is left") }
        if paths.isEmpty { for number in signals { signal(number, removeAll) } }
        paths.append(path)
        defer {
            unlink(path)
            paths.removeLast()
            free(path)
            if paths.isEmpty { for number in signals { signal(number, SIG_DFL) } }
        }
        return try body(file)
    }

    /// Makes a file as a whole: `body` writes another one beside it, which then gets its name.
    ///
    /// - Throws: `Failure` if the file exists, and the errors of `body`.
    static func making(_ target: URL, _ body: (URL) throws -> Void) throws {
        if FileManager.default.fileExists(atPath: target.path) { throw exists(target) }
        try temporary(in: target.deletingLastPathComponent(), named: target.lastPathComponent) { part in
            try body(part)
            // A hard link, unlike a renaming, never replaces a file that somebody has made meanwhile.
            if link(part.path, target.path) == 0 { return }
            if errno == EEXIST { throw exists(target) }
            guard rename(part.path, target.path) == 0 else { throw Failure.ofCall(on: target) }
        }
    }

    private static func exists(_ target: URL) -> Failure {
        Failure("\(target.path) exists already", remedy: "name another file, or remove this one")
    }

    private static let removeAll: @convention(c) (Int32) -> Void = { number in
        for path in PartialFile.paths { unlink(path) }
        signal(number, SIG_DFL)
        raise(number)
    }
}
