import Foundation
import SystemImage
import Tool

/// A program out of Debian's packages for arm64, with the shared libraries that it needs.
struct DebianProgram {
    let workspace: Workspace
    let package: String
    /// The program's path without a slash at its beginning.
    let path: String

    private var name: String { String(path.split(separator: "/").last ?? "") }

    /// Returns an archive that Linux unpacks behind a machine's own initial file system. The tool makes it once and
    /// keeps it.
    func archive() throws -> Data {
        let folder = workspace.debian.appendingPathComponent("programs")
        let kept = folder.appendingPathComponent("\(package)-\(name).cpio")
        if let archive = try? Data(contentsOf: kept) { return archive }
        try workspace.make(folder)
        let archive = try Progress.step("Fetching Debian's \(package) for arm64 with its libraries") { try made() }
        try archive.writeWhole(to: kept)
        return archive
    }

    private func made() throws -> Data {
        let apt = PrivateApt(folder: workspace.debian.appendingPathComponent("apt"), architecture: "arm64")
        let tree = workspace.debian.appendingPathComponent("program-\(UUID().uuidString)")
        try workspace.make(tree)
        defer { try? FileManager.default.removeItem(at: tree) }
        try apt.unpack(closureOf: [package], into: tree)
        var archive = CpioArchive()
        for folder in ["lib", "lib/aarch64-linux-gnu"] { archive.add(directory: folder) }
        let program = tree.appendingPathComponent(path)
        archive.add(file: "bin/\(name)", contents: try Data(contentsOf: program), permissions: 0o755)
        for (name, file) in try Self.libraries(of: [program], in: tree, package: package) {
            let folder = name.hasPrefix("ld-") ? "lib" : "lib/aarch64-linux-gnu"
            archive.add(file: "\(folder)/\(name)", contents: try Data(contentsOf: file), permissions: 0o755)
        }
        return archive.finished()
    }

    /// Returns the libraries that programs need, and those that they need in turn, in the order of their names.
    ///
    /// - Parameters:
    ///   - others: the names of libraries that no program names, because it loads them by itself.
    ///   - package: the name of the programs' package, for a message.
    static func libraries(of programs: [URL], and others: [String] = [], in tree: URL, package: String) throws
        -> [(name: String, file: URL)]
    {
        var places: [String: URL] = [:]
        let contents = FileManager.default.enumerator(at: tree, includingPropertiesForKeys: nil)
        for case let file as URL in contents?.allObjects ?? [] where file.lastPathComponent.contains(".so") {
            places[file.lastPathComponent] = file
        }
        var found: [String: URL] = [:]
        var waiting = programs
        func add(_ name: String) throws {
            guard let place = places[name] else {
                throw Failure("Debian's package \(package) lacks \(name)", remedy: "run the command again")
            }
            found[name] = place
            waiting.append(place)
        }
        for name in others { try add(name) }
        while let file = waiting.popLast() {
            for name in needed(inDynamicSection: try Subprocess("readelf", ["-d", file.path]).text())
            where found[name] == nil {
                try add(name)
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Returns the names in the lines `(NEEDED) … [NAME]` that readelf(1) prints for a dynamic section.
    static func needed(inDynamicSection text: String) -> [String] {
        text.split(separator: "\n").filter { $0.contains("(NEEDED)") }.compactMap { line in
            line.firstMatch(of: /\[([^\]]+)\]/).map { String($0.1) }
        }
    }
}
