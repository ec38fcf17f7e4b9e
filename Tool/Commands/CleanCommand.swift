import ArgumentParser
import Foundation
import SystemImage

struct CleanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Deletes the output of the tool, and reports the places and sizes of the deleted files.",
        discussion: """
            Without an option: all that is built, the tool as well; the next command builds it again. Logs, Debian's \
            packages and the disks of boards stay.

            Output goes into the checkout (.build and .entente). If the variable ENTENTE_OUTPUT names a folder, it goes \
            there instead, and if the checkout cannot be written to, into the folder entente of XDG_CACHE_HOME (or of \
            ~/.cache): in each of them into a folder for this checkout.
            """)

    @Flag(help: "Delete only the output of components' packages.")
    var packages = false

    @Flag(help: "Delete logs and Debian's packages as well.")
    var all = false

    @Flag(help: "Delete the disks of boards as well, with everything that machines have written to them.")
    var disks = false

    func validate() throws {
        if packages, disks { throw ValidationError("--packages and --disks exclude each other.") }
        if packages, all { throw ValidationError("--packages and --all exclude each other.") }
    }

    func run() throws { try delete(in: try Workspace.current()) }

    /// Holds the locks of everyone that writes there: the script that builds the tool, builds of programs, and runs.
    func delete(in workspace: Workspace) throws {
        // This check comes first, because waiting for a run's build would only end in the same refusal.
        try CleanCommand.refuse(try RunFiles.present(in: workspace))
        let tool = try FileLock.wait(
            for: workspace.state.appendingPathComponent("tool.lock"), because: "builds the tool")
        try withExtendedLifetime(tool) {
            try workspace.exclusively("build", "builds programs") {
                try RunFiles.whileNoneStarts(in: workspace) { running in
                    try CleanCommand.refuse(running)
                    try deleteAll(of: files(in: workspace))
                }
            }
        }
    }

    private static func refuse(_ running: [String]) throws {
        guard running.isEmpty else {
            throw Failure(
                "these systems run and use the files that would be deleted: \(running.joined(separator: ", "))",
                remedy: "end them first")
        }
    }

    private func deleteAll(of files: [URL]) throws {
        var bytes = 0
        for file in files where FileManager.default.fileExists(atPath: file.path) {
            let size = FileManager.default.allocatedSize(below: file)
            bytes += size
            try FileManager.default.removeItem(at: file)
            print("\(file.path): \(CleanCommand.megabytes(size))")
        }
        print("deleted: \(CleanCommand.megabytes(bytes))")
    }

    private func files(in workspace: Workspace) -> [URL] {
        if packages { return [workspace.packages, workspace.crossBuild.appendingPathComponent("packages")] }
        // Runs remove their own files.
        let kept =
            [workspace.runs] + (all ? [] : [workspace.logs, workspace.debian])
            + (disks ? [] : [workspace.disks])
        // These are links to the sources, if the output lies outside of the checkout.
        let links = workspace.package == workspace.root ? [] : [workspace.package]
        return [workspace.build] + links
            + CleanCommand.files(in: workspace.state).filter { !kept.map(\.path).contains($0.path) }
            + (all ? CleanCommand.files(in: workspace.runs) : [])
    }

    /// Returns the contents of a folder without the files of locks. If one of those were deleted, a run that waits for
    /// it would get a lock that no other run asks for.
    private static func files(in folder: URL) -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().filter { name in !["lock", "exclusive"].contains { name.hasSuffix(".\($0)") } }
            .map(folder.appendingPathComponent)
    }

    static func megabytes(_ bytes: Int) -> String { "\((bytes + 500_000) / 1_000_000) MB" }
}

extension FileManager {
    /// Returns the size on the disk of a file, or of everything in a folder, in bytes. It does not follow links.
    func allocatedSize(below url: URL) -> Int {
        let keys: Set<URLResourceKey> = [.totalFileAllocatedSizeKey]
        let size = { (url: URL) in (try? url.resourceValues(forKeys: keys))?.totalFileAllocatedSize ?? 0 }
        let files = enumerator(at: url, includingPropertiesForKeys: Array(keys))?.compactMap { $0 as? URL } ?? []
        return files.reduce(size(url)) { $0 + size($1) }
    }
}
