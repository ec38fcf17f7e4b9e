import Foundation
import SystemImage

/// The files that one run of a system writes. While the run lasts, another run does not touch them, even if its system
/// has the same name.
package final class RunFiles: Sendable {
    /// The system's name. A second run at the same time adds `.2`, and so on.
    package let name: String
    /// The folder with a log for each console.
    package let logs: URL
    /// The file that the board boots.
    package let image: URL
    /// The socket by which other runs of the tool reach this one.
    package let control: URL
    /// The list of the files of the board's disks, by which other runs of the tool find the run that has them open.
    let disks: URL
    private let lock: FileLock

    /// The number of runs of systems with one name at the same time, at most.
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
        disks = workspace.runs.appendingPathComponent("\(name).disks")
    }

    private static func takeFree(_ system: String, in runs: URL) throws -> (String, FileLock) {
        for number in 1...most {
            let name = number == 1 ? system : "\(system).\(number)"
            if let lock = try FileLock.take(runs.appendingPathComponent("\(name).lock")) { return (name, lock) }
        }
        throw Failure(
            "\(most) systems named '\(system)' run already", remedy: "end some of them, or give this one another name")
    }

    /// Keeps other runs from places while `body` runs. A check for a free place takes the lock of the place for a
    /// moment, and a run that began in that moment would get another name.
    private static func exclusively<Result>(in workspace: Workspace, _ body: () throws -> Result) throws -> Result {
        try workspace.exclusively("places", "looks for the systems that run", body)
    }

    package func log(ofConsole name: String) -> URL { logs.appendingPathComponent("\(name).log") }

    deinit { Self.remove(name, in: image.deletingLastPathComponent()) }

    /// Removes the files of a place. An image may be as large as its guests, and no user would look for it here.
    private static func remove(_ name: String, in runs: URL) {
        for suffix in ["img", "control", "disks"] {
            try? FileManager.default.removeItem(at: runs.appendingPathComponent("\(name).\(suffix)"))
        }
    }

    /// Removes the files of runs that were killed and could not do so themselves.
    private static func removeWhatDeadRunsLeft(in runs: URL) {
        for name in names(in: runs) {
            guard let lock = try? FileLock.take(runs.appendingPathComponent("\(name).lock")) else { continue }
            withExtendedLifetime(lock) { remove(name, in: runs) }
        }
    }

    /// Returns the systems that run now.
    static func present(in workspace: Workspace) throws -> [String] {
        try whileNoneStarts(in: workspace) { $0 }
    }

    /// Passes the systems that run now to `body`. No other run begins before `body` has ended.
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
    /// The folder of the files that runs need as long as they last.
    var runs: URL { state.appendingPathComponent("runs") }

    /// Performs `body`, which only one run of the tool may do at a time.
    ///
    /// - Parameter work: the description for another run that waits, such as "builds programs".
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

    /// The key that tells files of one name at different places apart.
    package var pathKey: String {
        // FNV-1a gives the same value in each run; Swift's own hashes do not.
        let hash = standardizedFileURL.path.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        return String(hash, radix: 16)
    }
}
