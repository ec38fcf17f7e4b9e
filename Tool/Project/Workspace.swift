import Foundation
import SystemImage

/// The places of the project's sources and of the tool's output.
package struct Workspace {
    package let root: URL
    /// The output of SwiftPM: the tool, the tests, the programs of the board. A user may delete it at any time.
    package let build: URL
    /// All other output of the tool. A user may delete it at any time, apart from `disks`.
    package let state: URL
    /// The package for SwiftPM, which writes a file beside `Package.swift`: the checkout, or a folder of links to its
    /// parts.
    package let package: URL

    /// The package of the tests of the portable modules.
    package var portableTests: URL { package.appendingPathComponent("Tests") }

    package var images: URL { state.appendingPathComponent("images") }
    package var programs: URL { state.appendingPathComponent("programs") }
    package var systems: URL { state.appendingPathComponent("systems") }
    package var boards: URL { state.appendingPathComponent("boards") }
    package var guests: URL { state.appendingPathComponent("guests") }
    package var packages: URL { state.appendingPathComponent("packages") }
    /// The files of boards' disks, which have the users' data. `clean` leaves them alone unless a user asks for them.
    package var disks: URL { state.appendingPathComponent("disks") }
    package var logs: URL { state.appendingPathComponent("logs") }
    package var debian: URL { state.appendingPathComponent("debian") }
    package var crossBuild: URL { build.appendingPathComponent("aarch64") }

    /// Names the places.
    ///
    /// - Parameter output: the folder of the output; nil for the checkout itself.
    package init(root: URL, output: URL? = nil) {
        self.root = root
        build = output?.appendingPathComponent("build") ?? root.appendingPathComponent(".build")
        state = output?.appendingPathComponent("state") ?? root.appendingPathComponent(".entente")
        package = output?.appendingPathComponent("package") ?? root
    }

    /// Returns the workspace of the running tool: the folder that `ENTENTE_ROOT` names, or the package around the
    /// tool's own file. The script `entente` chooses the place of the output, and names it by `ENTENTE_OUTPUT_HERE` if
    /// that is not the checkout.
    package static func current() throws -> Workspace {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["ENTENTE_ROOT"] {
            let output = environment["ENTENTE_OUTPUT_HERE"].map { URL(fileURLWithPath: $0) }
            return Workspace(root: URL(fileURLWithPath: path), output: output)
        }
        var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            if isRoot(folder) { return Workspace(root: folder) }
            folder.deleteLastPathComponent()
        }
        throw Failure(
            "the tool does not lie in a checkout of Entente", remedy: "start it by ./entente, or set ENTENTE_ROOT")
    }

    private static func isRoot(_ folder: URL) -> Bool {
        ["Package.swift", "Kernel/toolset.json"].allSatisfy {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
        }
    }

    /// A number that differs from commit to commit, and is the same for one; 1 where the sources have no history.
    package var seedOfCommit: UInt64 {
        let name = try? Subprocess("git", ["-C", root.path, "rev-parse", "--short=8", "HEAD"]).text()
        return name.flatMap { UInt64($0, radix: 16) } ?? 1
    }

    package func make(_ folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
}
