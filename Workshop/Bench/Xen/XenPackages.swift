import Foundation
import SystemImage
import Tool

/// Xen and its toolstack out of Debian's packages for arm64. The tool fetches them once and keeps them.
struct XenPackages {
    let workspace: Workspace

    private var folder: URL { workspace.debian.appendingPathComponent("xen") }
    /// The hypervisor.
    var hypervisor: URL { folder.appendingPathComponent("xen") }
    /// An archive of the toolstack, which Linux unpacks behind its initial file system. The number in the name counts
    /// changes of its contents.
    var toolstack: URL { folder.appendingPathComponent("toolstack-1.cpio") }

    static let version = "4.17"
    private static let packages = ["xen-hypervisor-\(version)-arm64", "xen-utils-\(version)", "xenstore-utils"]
    private static let place = "usr/lib/xen-\(version)/bin"

    /// The programs of the toolstack: the store, the consoles, the command for domains, and the one that makes the
    /// first domain known to the store.
    private static let programs =
        ["xl", "xen-init-dom0", "xenstored", "xenconsoled", "xenconsole"].map { "\(place)/\($0)" }
        + ["read", "write", "ls", "rm"].map { "usr/bin/xenstore-\($0)" }

    /// The library that libc loads by itself when a thread is cancelled, which `xl` does.
    private static let loadedLater = "libgcc_s.so.1"

    /// Fetches what is missing.
    func prepare() throws {
        let manager = FileManager.default
        guard ![hypervisor, toolstack].allSatisfy({ manager.fileExists(atPath: $0.path) }) else { return }
        try Progress.step("Fetching Debian's Xen \(Self.version) for arm64 with its toolstack") { try fetch() }
    }

    /// Debian's version of the hypervisor, or nil if it is not fetched.
    var versionText: String? {
        (try? Data(contentsOf: hypervisor, options: .mappedIfSafe)).flatMap(Self.version(inImage:))
    }

    /// Returns the version that an image of the hypervisor contains, in a text with a zero byte at its end.
    static func version(inImage image: Data) -> String? {
        guard let mark = image.firstRange(of: Data("\(version).".utf8)) else { return nil }
        return String(decoding: image[mark.lowerBound...].prefix(100).prefix { $0 != 0 }, as: UTF8.self)
    }

    private func fetch() throws {
        let apt = PrivateApt(folder: workspace.debian.appendingPathComponent("apt"), architecture: "arm64")
        let tree = workspace.debian.appendingPathComponent("xen-\(UUID().uuidString)")
        try workspace.make(tree)
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: tree) }
        try apt.unpack(closureOf: Self.packages, into: tree)
        let image = try Data(contentsOf: tree.appendingPathComponent("boot/xen-\(Self.version)-arm64"))
        try image.writeWhole(to: hypervisor)
        try archive(of: tree).writeWhole(to: toolstack)
    }

    private func archive(of tree: URL) throws -> Data {
        var archive = CpioArchive()
        for folder in [
            "lib", "lib/aarch64-linux-gnu", "lib/xen-\(Self.version)", "lib/xen-\(Self.version)/bin", "etc/xen",
            "etc/xen/scripts", "var", "var/lib", "var/lib/xen", "var/lock", "var/log", "var/log/xen",
            "var/log/xen/console", "xen",
        ] {
            archive.add(directory: folder)
        }
        archive.add(link: "var/run", to: "/run")
        let programs = Self.programs.map(tree.appendingPathComponent)
        for program in programs {
            let name = program.lastPathComponent
            archive.add(file: "bin/\(name)", contents: try Data(contentsOf: program), permissions: 0o755)
            // The initial file system has /usr as a name of its root, and programs of Xen start each other there.
            archive.add(link: "lib/xen-\(Self.version)/bin/\(name)", to: "/bin/\(name)")
        }
        let libraries = try DebianProgram.libraries(
            of: programs, and: [Self.loadedLater], in: tree, package: Self.packages[1])
        for (name, file) in libraries {
            let folder = name.hasPrefix("ld-") ? "lib" : "lib/aarch64-linux-gnu"
            archive.add(file: "\(folder)/\(name)", contents: try Data(contentsOf: file), permissions: 0o755)
        }
        archive.add(file: "etc/xen/xl.conf", contents: Data("autoballoon=0\n".utf8))
        archive.add(file: "etc/xen/scripts/block", contents: Data(Self.blockScript.utf8), permissions: 0o755)
        return archive.finished()
    }

    /// The script that `xl` runs when a domain gets a disk. It tells the back-end in the kernel which device it is
    /// (docs/misc/block-scripts.txt of Xen). Debian's own needs bash, and also guards disks against double use.
    private static let blockScript = """
        #!/bin/sh
        [ "$1" = add ] || exit 0
        device=$(xenstore-read "$XENBUS_PATH/params")
        xenstore-write "$XENBUS_PATH/physical-device" "$(stat -L -c %t:%T "$device")" \\
            "$XENBUS_PATH/hotplug-status" connected

        """
}
