import Foundation
import SystemImage

/// Where the project's sources lie and where the tool puts what it makes.
struct Workspace {
    let root: URL

    /// Everything that the tool makes, other than SwiftPM's own build folder; may be deleted at any time.
    var state: URL { root.appendingPathComponent(".entente") }
    var images: URL { state.appendingPathComponent("images") }
    var programs: URL { state.appendingPathComponent("programs") }
    var systems: URL { state.appendingPathComponent("systems") }
    var boards: URL { state.appendingPathComponent("boards") }
    var guests: URL { state.appendingPathComponent("guests") }
    var logs: URL { state.appendingPathComponent("logs") }
    var debian: URL { state.appendingPathComponent("debian") }
    var crossBuild: URL { root.appendingPathComponent(".build/aarch64") }

    init(root: URL) { self.root = root }

    /// The workspace of the running tool: named by `ENTENTE_ROOT`, or the package around the tool's own file.
    static func current() throws -> Workspace {
        if let path = ProcessInfo.processInfo.environment["ENTENTE_ROOT"] {
            return Workspace(root: URL(fileURLWithPath: path))
        }
        var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            if isRoot(folder) { return Workspace(root: folder) }
            folder.deleteLastPathComponent()
        }
        throw Failure("the tool does not lie in a checkout of Entente", remedy: "start it by ./entente, or set ENTENTE_ROOT")
    }

    private static func isRoot(_ folder: URL) -> Bool {
        ["Package.swift", "Kernel/toolset.json"].allSatisfy {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
        }
    }

    /// The programs for the board that the package declares.
    func boardPrograms() throws -> KnownPrograms {
        let package = try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
        return KnownPrograms(
            components: package.matches(of: /\.component\("(\w+)"/).map { String($0.1) },
            guests: package.matches(of: /\.guest\("(\w+)"/).map { String($0.1) })
    }

    /// A number that differs from commit to commit, and is the same for one; 1 where the sources have no history.
    var seedOfCommit: UInt64 {
        let name = try? Subprocess("git", ["-C", root.path, "rev-parse", "--short=8", "HEAD"]).text()
        return name.flatMap { UInt64($0, radix: 16) } ?? 1
    }

    func make(_ folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
}
