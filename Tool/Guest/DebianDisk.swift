import Foundation
import SystemImage

/// The root file system of a whole Debian, with the kernel and the initial RAM disk that start it. The tool makes them
/// once for each list of packages, and keeps them.
///
/// Nothing of it needs rights or changes the user's system. The tool unpacks the packages under fakeroot, and mke2fs
/// makes the file system of the folder. The packages' own programs, which configure them, are programs for arm64, so
/// they run in a plain QEMU.
package struct DebianDisk {
    let workspace: Workspace
    let system: DebianSystem

    package init(workspace: Workspace, system: DebianSystem) { (self.workspace, self.system) = (workspace, system) }

    private var folder: URL { disks.appendingPathComponent(system.templateName) }
    private var disks: URL { workspace.debian.appendingPathComponent("disks") }
    /// The raw image of the root file system.
    package var image: URL { folder.appendingPathComponent("root.raw") }
    package var kernel: URL { folder.appendingPathComponent("vmlinuz") }
    package var initrd: URL { folder.appendingPathComponent("initrd.cpio") }

    private var isMade: Bool { FileManager.default.fileExists(atPath: folder.path) }

    /// Makes the files, if they are missing.
    package func prepare() throws {
        if isMade { return }
        try workspace.exclusively("debian", "makes the file system of a Debian") {
            // Another run of the tool may have made it while this one waited.
            if isMade { return }
            let packages = system.packages.isEmpty ? "" : " with " + system.packages.joined(separator: ", ")
            try Progress.step("Making the file system of Debian\(packages), which takes minutes, but only once") {
                try make()
            }
        }
    }

    /// Makes everything in a folder beside its place, so that an interrupted run leaves nothing that looks complete.
    private func make() throws {
        let work = disks.appendingPathComponent(".\(system.templateName).part")
        try? FileManager.default.removeItem(at: work)
        try workspace.make(work)
        var isDone = false
        let setupLog = workspace.logs.appendingPathComponent("\(system.templateName).log")
        defer { if !isDone { try? FileManager.default.removeItem(at: work) } }
        let tree = try DebianTree(
            folder: work, system: system,
            apt: PrivateApt(
                folder: workspace.debian.appendingPathComponent("apt"), architecture: "arm64"))
        let count = try tree.make()
        try workspace.make(workspace.logs)
        try DebianSetup(tree: tree, packages: count, log: setupLog).run()
        try tree.removeScaffold()
        try FileManager.default.moveItem(at: work, to: folder)
        isDone = true
    }
}
