import ArgumentParser
import Foundation

struct CleanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean", abstract: "Deletes what the tool has made, and says where it lay and how much it was.",
        discussion: """
            Without an option: all that is built, the tool as well; the next command builds it again. Logs and Debian's \
            packages stay.

            Output goes into the checkout (.build and .entente). If the variable ENTENTE_OUTPUT names a folder, it goes \
            there instead, and if the checkout cannot be written to, into the folder entente of XDG_CACHE_HOME (or of \
            ~/.cache): in each of them into a folder for this checkout.
            """)

    @Flag(help: "Only the output of components' packages.")
    var packages = false

    @Flag(help: "Logs and Debian's packages as well.")
    var all = false

    func validate() throws {
        if packages, all { throw ValidationError("--packages and --all exclude each other.") }
    }

    func run() throws {
        let workspace = try Workspace.current()
        var bytes = 0
        for folder in folders(of: workspace) where FileManager.default.fileExists(atPath: folder.path) {
            let size = FileManager.default.allocatedSize(below: folder)
            bytes += size
            try FileManager.default.removeItem(at: folder)
            print("\(folder.path): \(CleanCommand.megabytes(size))")
        }
        print("deleted: \(CleanCommand.megabytes(bytes))")
    }

    private func folders(of workspace: Workspace) -> [URL] {
        if packages { return [workspace.packages, workspace.crossBuild.appendingPathComponent("packages")] }
        if all { return [workspace.build, workspace.state] }
        let kept = [workspace.logs, workspace.debian].map(\.lastPathComponent)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: workspace.state.path)) ?? []
        return [workspace.build]
            + names.sorted().filter { !kept.contains($0) }.map { workspace.state.appendingPathComponent($0) }
    }

    static func megabytes(_ bytes: Int) -> String { "\((bytes + 500_000) / 1_000_000) MB" }
}

extension FileManager {
    /// What a file, or everything in a folder, takes on the disk, in bytes. Links are not followed.
    func allocatedSize(below url: URL) -> Int {
        let keys: Set<URLResourceKey> = [.totalFileAllocatedSizeKey]
        let size = { (url: URL) in (try? url.resourceValues(forKeys: keys))?.totalFileAllocatedSize ?? 0 }
        let files = enumerator(at: url, includingPropertiesForKeys: Array(keys))?.compactMap { $0 as? URL } ?? []
        return files.reduce(size(url)) { $0 + size($1) }
    }
}
