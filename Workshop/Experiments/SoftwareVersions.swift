import Foundation
import SystemImage
import Tool

/// Finds out the versions of what takes part in every measurement. An experiment adds those of its own subjects.
enum SoftwareVersions {
    static func all(in workspace: Workspace) -> [String: String] {
        var versions: [String: String] = [:]
        versions["entente"] = commit(of: workspace)
        versions["qemu"] = (try? Subprocess("qemu-system-aarch64", ["--version"]).text()).flatMap(emulator)
        versions["swift"] = (try? Subprocess("swiftc", ["--version"]).text()).flatMap(compiler)
        versions["linux"] = linux(in: workspace)
        return versions
    }

    /// The commit, with a plus sign if files differ from it.
    private static func commit(of workspace: Workspace) -> String? {
        guard let name = try? Subprocess("git", ["-C", workspace.root.path, "rev-parse", "--short=10", "HEAD"]).text()
        else { return nil }
        let changes = try? Subprocess("git", ["-C", workspace.root.path, "status", "--porcelain", "-uno"]).text()
        return name + (changes?.isEmpty == false ? "+" : "")
    }

    static func emulator(in text: String) -> String? {
        text.firstMatch(of: /version (\S+)(?: \((.+)\))?/).map { String($0.1) }
    }

    static func compiler(in text: String) -> String? {
        text.firstMatch(of: /Swift version (\S+)/).map { String($0.1) }
    }

    /// The version of Debian's kernel, which its image contains.
    private static func linux(in workspace: Workspace) -> String? {
        let kernel = workspace.debian.appendingPathComponent("cloud/vmlinuz")
        guard let image = try? Data(contentsOf: kernel, options: .mappedIfSafe),
            let mark = image.range(of: Data("Linux version ".utf8))
        else { return nil }
        return linux(in: String(decoding: image[mark.lowerBound...].prefix(400), as: UTF8.self))
    }

    static func linux(in text: String) -> String? {
        // The version of Debian's package stands behind the build's number; that of the compiler stands before it.
        if let debian = text.firstMatch(of: /#\d+ SMP[^\n]*Debian (\d[^\s)]*)/) { return String(debian.1) }
        return text.firstMatch(of: /Linux version (\S+)/).map { String($0.1) }
    }
}
