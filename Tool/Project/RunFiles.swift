import Foundation
import SystemImage

/// The files that one run of a system writes. Another run does not touch them while this one lasts, even if its system
/// has the same name.
package final class RunFiles: Sendable {
    /// The system's name; for a second run at the same time with `.2` behind it, and so on.
    package let name: String
    /// A file for each console.
    package let logs: URL
    /// The file that the board boots.
    package let image: URL
    /// The socket through which other runs of the tool reach this one.
    package let control: URL
    private let lock: FileLock

    /// Runs of systems with one name that may last at the same time.
    static let most = 99

    /// Takes the first name that no run has.
    init(_ system: String, workspace: Workspace) throws {
        (name, lock) = try Self.exclusively(in: workspace) {
            let free = try Self.takeFree(system, in: workspace.runs)
            Self.removeWhatDeadRunsLeft(in: workspace.runs)
            return free
        }
        logs = workspace.logs.appendingPathComponent(name)
        image = workspace.runs.appendingPathComponent("\(name).img")
        control = workspace.runs.appendingPathComponent("\(name).control")
    }

    private static func takeFree(_ system: String, in runs: URL) throws -> (String, FileLock) {
        for number in 1...most {
            let name = number == 1 ? system : "\(system).\(number)"
            if let lock = try FileLock.take(runs.appendingPathComponent("\(name).lock")) { return (name, lock) }
        }
        throw Failure(
            "\(most) systems named '\(system)' run already", remedy: "end some of them, or give this one another name")
    }

    /// Keeps others from names meanwhile, because a look whether a name is free takes its lock for a moment: a run
    /// that began in that moment would get another name.
    private static func exclusively<Result>(in workspace: Workspace, _ body: () throws -> Result) throws -> Result {
        try workspace.exclusively("places", "looks for the systems that run", body)
    }

    package func log(ofConsole name: String) -> URL { logs.appendingPathComponent("\(name).log") }

    deinit { Self.remove(name, in: image.deletingLastPathComponent()) }

    /// An image may be as large as its guests, and nobody looks for it here.
    private static func remove(_ name: String, in runs: URL) {
        for suffix in ["img", "control"] {
            try? FileManager.default.removeItem(at: runs.appendingPathComponent("\(name).\(suffix)"))
        }
    }

    /// A run that was killed could not clean up.
    private static func removeWhatDeadRunsLeft(in runs: URL) {
        for name in names(in: runs) {
            guard let lock = try? FileLock.take(runs.appendingPathComponent("\(name).lock")) else { continue }
            withExtendedLifetime(lock) { remove(name, in: runs) }
        }
    }

    /// The systems that run now.
    static func present(in workspace: Workspace) throws -> [String] {
        try whileNoneStarts(in: workspace) { $0 }
    }

    /// Passes on the systems that run now; none begins before the closure has ended.
    static func whileNoneStarts<Result>(in workspace: Workspace, _ body: ([String]) throws -> Result) throws -> Result {
        try exclusively(in: workspace) {
            let running = names(in: workspace.runs).filter { name in
                let lock = workspace.runs.appendingPathComponent("\(name).lock")
                do { return try FileLock.take(lock) == nil } catch { return false }
            }
            return try body(running)
        }
    }

    private static func names(in runs: URL) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: runs.path)) ?? []).filter { $0.hasSuffix(".lock") }
            .map { String($0.dropLast(".lock".count)) }.sorted()
    }
}

extension Workspace {
    /// The files that runs need as long as they last.
    var runs: URL { state.appendingPathComponent("runs") }

    /// Does what only one run of the tool may do at a time.
    ///
    /// - Parameter work: Names it for another that waits: "builds programs".
    func exclusively<Result>(_ name: String, _ work: String, _ body: () throws -> Result) throws -> Result {
        let lock = try FileLock.wait(for: runs.appendingPathComponent("\(name).exclusive"), because: work)
        return try withExtendedLifetime(lock) { try body() }
    }
}

extension URL {
    /// The path as a person would write it from the current folder.
    package var shortPath: String {
        let current = FileManager.default.currentDirectoryPath
        return path.hasPrefix(current + "/") ? String(path.dropFirst(current.count + 1)) : path
    }

    /// Tells files of one name in different folders apart.
    package var pathKey: String {
        // FNV-1a: the same at each run, which Swift's own hashes are not.
        let hash = standardizedFileURL.path.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        return String(hash, radix: 16)
    }
}
