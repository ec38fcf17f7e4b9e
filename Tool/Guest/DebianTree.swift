import Foundation
import SystemImage

/// The folder with the unpacked packages of a Debian, and the file system that is made of it.
struct DebianTree {
    let folder: URL
    let system: DebianSystem
    let apt: PrivateApt

    var image: URL { folder.appendingPathComponent("root.raw") }
    var kernel: URL { folder.appendingPathComponent("vmlinuz") }
    var initrd: URL { folder.appendingPathComponent("initrd.cpio") }
    private var tree: URL { folder.appendingPathComponent("tree") }
    private var control: URL { folder.appendingPathComponent("control") }
    /// The owners and modes that fakeroot pretends, because a user cannot give them to files.
    private var owners: URL { folder.appendingPathComponent("owners") }
    private var scripts: URL { folder.appendingPathComponent("unpack.sh") }

    /// The packages of every such Debian, beside those that each Debian has (`Essential: yes`). `ca-certificates` is
    /// none of them, because its configuration takes longer than that of all others.
    private static let base = [
        "apt", "busybox-static", "dbus", "debian-archive-keyring", "e2fsprogs", "init", "iproute2",
        "kmod", "less", "libc-bin", "login", "netbase", "passwd", "procps", "systemd-sysv", "tzdata", "u-boot-menu",
        "udev", "usr-is-merged", "util-linux", "vim-tiny",
    ]

    /// Makes the file system with unpacked packages, the kernel, and the initial RAM disk.
    ///
    /// - Returns: the number of packages.
    func make() throws -> Int {
        for program in ["apt-get", "dpkg-deb"] where Subprocess.find(program) == nil {
            throw Failure(
                "a Debian on a disk is fetched through apt, but this system has no '\(program)'",
                remedy: "name an image of a disk by 'image', and start it by 'firmware', instead of 'guest'")
        }
        let names = ["?essential"] + Self.base + [system.flavour.package] + system.packages
        let packages = try Progress.step("    fetching Debian's packages") {
            try apt.update()
            let packages = try apt.closure(of: names)
            try FileManager.default.createDirectory(at: control, withIntermediateDirectories: true)
            let archives = try apt.download(closureOf: names)
            try Data(unpackScript(packages, archives).utf8).write(to: scripts)
            return packages
        }
        try Progress.step("    unpacking \(packages.count) packages") {
            try fakeroot(["-s", owners.path], ["sh", scripts.path])
            try writeDatabase(packages)
            try DebianSystemFiles(system: system, sources: apt.sourcesOfGuest()).write(into: tree)
            try keepKernel()
        }
        try Progress.step("    making the file system") { try makeFileSystem() }
        return packages.count
    }

    /// Removes everything but the results.
    func removeScaffold() throws {
        for file in [tree, control, owners, scripts] { try FileManager.default.removeItem(at: file) }
        _ = try? apt.apt("apt-get", ["clean"]).output()
    }

    private func fakeroot(_ options: [String], _ command: [String]) throws {
        _ = try Subprocess("fakeroot", options + ["--"] + command).output()
    }

    // MARK: Unpacking

    /// Returns the script that unpacks all packages. Debian 12 has its programs below `/usr` only, and packages that
    /// still have others find links.
    private func unpackScript(_ packages: [DebianPackage], _ archives: URL) -> String {
        let places = [tree, control].map { $0.path.quotedForShell }
        let head = """
            set -e
            tree=\(places[0])
            control=\(places[1])
            mkdir -p "$tree/usr/bin" "$tree/usr/sbin" "$tree/usr/lib"
            for folder in bin sbin lib; do ln -s usr/$folder "$tree/$folder"; done
            unpack() {
                dpkg-deb -e "$1" "$control/$2"
                dpkg-deb --fsys-tarfile "$1" >"$control/data.tar"
                tar -xvf "$control/data.tar" -C "$tree" --keep-directory-symlink --quoting-style=literal >"$control/$2/.list"
            }

            """
        let lines = packages.map {
            "unpack \(archives.appendingPathComponent($0.fileName).path.quotedForShell) \($0.name)\n"
        }
        return head + lines.joined() + "rm \"$control/data.tar\"\n"
    }

    private func writeDatabase(_ packages: [DebianPackage]) throws {
        let place = tree.appendingPathComponent("var/lib/dpkg")
        let information = place.appendingPathComponent("info")
        for name in ["info", "updates", "triggers", "alternatives", "parts"] {
            try FileManager.default.createDirectory(
                at: place.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        var database = DebianDatabase()
        for package in packages {
            let files = control.appendingPathComponent(package.name)
            let entry = try entry(package, files)
            for file in try FileManager.default.contentsOfDirectory(at: files, includingPropertiesForKeys: nil)
            where ![".list", "control"].contains(file.lastPathComponent) {
                try FileManager.default.copyItem(
                    at: file,
                    to: information.appendingPathComponent("\(entry.baseName).\(file.lastPathComponent)"))
            }
            try Data(try fileList(files).utf8).write(to: information.appendingPathComponent("\(entry.baseName).list"))
            database.entries.append(entry)
        }
        var texts = ["status": database.status, "info/format": "1\n"]
        for name in ["available", "diversions", "statoverride"] { texts[name] = "" }
        for (name, text) in database.triggers { texts["triggers/\(name)"] = text }
        texts["order"] = database.entries.map { $0.baseName + "\n" }.joined()
        for (name, text) in texts { try Data(text.utf8).write(to: place.appendingPathComponent(name)) }
    }

    private func entry(_ package: DebianPackage, _ files: URL) throws -> DebianDatabase.Entry {
        let text = { (name: String) in try? String(contentsOf: files.appendingPathComponent(name), encoding: .utf8) }
        var entry = DebianDatabase.Entry(package: package, control: text("control") ?? "", triggers: text("triggers"))
        let paths = DebianDatabase.configurationPaths(in: text("conffiles") ?? "")
        guard !paths.isEmpty else { return entry }
        let sums = try Subprocess("md5sum", paths.map { tree.appendingPathComponent($0).path }).text()
        entry.configuration = zip(paths, sums.split(separator: "\n")).map { ($0, String($1.prefix(32))) }
        return entry
    }

    /// Returns the paths of a package's files as dpkg lists them: absolute, and folders without a slash at the end.
    private func fileList(_ files: URL) throws -> String {
        let names = try String(contentsOf: files.appendingPathComponent(".list"), encoding: .utf8)
        return names.split(separator: "\n").map { name in
            name == "./" ? "/.\n" : "\(name.dropFirst(name.hasPrefix("./") ? 1 : 0).trimmingSlash)\n"
        }.joined()
    }

    // MARK: Kernel and file system

    private func keepKernel() throws {
        let boot = tree.appendingPathComponent("boot")
        let files = (try? FileManager.default.contentsOfDirectory(at: boot, includingPropertiesForKeys: nil)) ?? []
        guard let found = files.first(where: { $0.lastPathComponent.hasPrefix("vmlinuz-") }) else {
            throw Failure("Debian's kernel package \(system.flavour.package) holds no kernel")
        }
        try FileManager.default.copyItem(at: found, to: kernel)
        let archive = try DebianDiskStart(tree: tree).archive()
        try archive.write(to: initrd)
        try archive.write(to: tree.appendingPathComponent(DebianSystemFiles.initrd))
    }

    private func makeFileSystem() throws {
        let used = UInt64(FileManager.default.allocatedSize(below: tree))
        let size = max(DebianSystem.leastDiskSize, (used * 3 / 2 + (256 << 20) - 1) & ~((256 << 20) - 1))
        guard FileManager.default.createFile(atPath: image.path, contents: nil),
            truncate(image.path, off_t(size)) == 0
        else { throw Failure.ofCall(on: image) }
        // All tables are written now, because the kernel would otherwise clear them in each clone of the disk.
        try fakeroot(
            ["-i", owners.path],
            [
                "mke2fs", "-q", "-F", "-t", "ext4", "-L", DebianSystem.diskName, "-E",
                "lazy_itable_init=0,lazy_journal_init=0", "-d", tree.path, image.path,
            ])
        let handle = try FileHandle(forUpdating: image)
        defer { try? handle.close() }
        try handle.write(contentsOf: BootSector.ofWholeDisk)
    }
}

extension Substring {
    fileprivate var trimmingSlash: Substring { hasSuffix("/") ? dropLast() : self }
}
