import Foundation
import SystemImage

/// A plugin of QEMU in a folder of `Benchmarks`, which counts instructions.
package struct EmulatorPlugin {
    package let workspace: Workspace
    /// The name of its source without `.c`, and of the library.
    package let name: String
    /// The name of its folder in `Benchmarks`.
    package let folder: String

    package init(workspace: Workspace, name: String, folder: String) {
        (self.workspace, self.name, self.folder) = (workspace, name, folder)
    }

    /// Builds the plugin, unless it is newer than its source and the header that all plugins share.
    ///
    /// - Returns: the shared library that QEMU loads.
    package func build() throws -> URL {
        let sources = workspace.root.appendingPathComponent("Benchmarks")
        let folders = [folder, "Entries"].map { sources.appendingPathComponent($0) }
        let plugin = workspace.programs.appendingPathComponent("\(name).so")
        let newest = folders.compactMap { FileManager.default.newest(below: $0) }.max()
        if let built = plugin.modified, let newest, newest < built { return plugin }
        try workspace.make(workspace.programs)
        try Subprocess(
            "clang",
            [
                "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-fvisibility=hidden", "-fuse-ld=lld", "-o", plugin.path,
                sources.appendingPathComponent(folder).appendingPathComponent("\(name).c").path,
            ]
        ).run()
        return plugin
    }
}
