import Foundation
import SystemImage

/// The files of the board's disks that a run of a system has open. The run writes the list, so that `./entente disk`
/// finds the run, also if the run got its files by `--disks`.
struct OpenDisks: Codable, Equatable {
    struct Disk: Codable, Equatable {
        var name: String
        var path: String
    }

    /// The disks, by their numbers in the running system.
    var disks: [Disk]

    init(_ files: DiskFiles) {
        disks = files.files.map { Disk(name: $0.disk.name, path: Self.path($0.file)) }
    }

    func write(to file: URL) throws { try JSONEncoder().encode(self).writeWhole(to: file) }

    /// Returns a running system that has one of the files open, and its list; nil if none has.
    static func ofRun(with files: [URL], in workspace: Workspace) throws -> (run: String, open: OpenDisks)? {
        let paths = Set(files.map(path))
        for run in try RunFiles.present(in: workspace) {
            let list = workspace.runs.appendingPathComponent("\(run).disks")
            guard let data = try? Data(contentsOf: list),
                let open = try? JSONDecoder().decode(OpenDisks.self, from: data)
            else { continue }
            if open.disks.contains(where: { paths.contains($0.path) }) { return (run, open) }
        }
        return nil
    }

    /// The path without symbolic links, because two runs may reach a file by different ways.
    private static func path(_ file: URL) -> String { file.resolvingSymlinksInPath().standardizedFileURL.path }
}
