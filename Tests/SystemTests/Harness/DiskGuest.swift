import Foundation
import SystemImage

@testable import Tool
@testable import Workshop

/// Debian's sqlite3 and a script that works on a file system, for a Debian machine with an initial RAM disk. Debian has
/// built ext4 into the kernel.
///
/// The script `/work MODE` mounts the first disk, appends records to a log (`Guests/Linux/append.c`), and inserts rows
/// into a database of sqlite, whose journal has the given mode. The console tells of each record and row that is
/// durable.
struct DiskGuest {
    let workspace: Workspace

    private static let packages = ["sqlite3", "libsqlite3-0", "libreadline8", "libtinfo6", "zlib1g", "libc6"]
    private static let libraries = [
        "ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libreadline.so.8", "libsqlite3.so.0", "libtinfo.so.6",
        "libz.so.1",
    ]

    private static let script = """
        #!/bin/sh
        mkdir -p /data
        mount -t ext4 /dev/vda /data || echo "work: cannot mount"
        [ $2 = anew ] && rm -f /data/* && sync
        dmesg | grep -i 'EXT4-fs.*error' && echo "work: the file system has errors"
        echo "work: begins $2"
        /append /data/log &
        while true; do
            echo "INSERT INTO t(v) VALUES(hex(randomblob(300)));SELECT 'sql: synced ' || last_insert_rowid();"
        done | (
            echo "PRAGMA journal_mode=$1;PRAGMA synchronous=FULL;"
            echo "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, v TEXT);SELECT 'sql: found ' || count(*) FROM t;"
            cat
        ) | sqlite3 /data/db

        """

    /// Adds the programs to a machine's initial file system.
    func added(to machine: MachineDescription) throws -> MachineDescription {
        var changed = try LinuxWorkload(workspace: workspace, name: "append").added(to: machine)
        guard case .files(let kernel, let initrd?, let format) = changed.guest else { return changed }
        let files = try unpacked()
        var archive = CpioArchive()
        archive.add(directory: "lib/aarch64-linux-gnu")
        for file in try FileManager.default.contentsOfDirectory(at: files, includingPropertiesForKeys: nil) {
            let name = file.lastPathComponent
            let isLibrary = name.contains(".so.") && !name.hasPrefix("ld-")
            let place = name == "sqlite3" ? "bin" : isLibrary ? "lib/aarch64-linux-gnu" : "lib"
            archive.add(file: "\(place)/\(name)", contents: try Data(contentsOf: file), permissions: 0o755)
        }
        archive.add(file: "work", contents: Data(Self.script.utf8), permissions: 0o755)
        let joined = workspace.guests.appendingPathComponent("disk-guest.cpio")
        try (Data(contentsOf: initrd) + archive.finished()).writeWhole(to: joined)
        changed.guest = .files(kernel: kernel, initrd: joined, format: format)
        return changed
    }

    /// Returns the folder with the files out of Debian's packages, which are fetched once.
    private func unpacked() throws -> URL {
        let folder = workspace.debian.appendingPathComponent("disk-guest")
        guard !FileManager.default.fileExists(atPath: folder.path) else { return folder }
        let apt = PrivateApt(folder: workspace.debian.appendingPathComponent("apt"), architecture: "arm64")
        try apt.update()
        let unpacked = workspace.debian.appendingPathComponent("disk-guest-unpacked")
        try? FileManager.default.removeItem(at: unpacked)
        defer { try? FileManager.default.removeItem(at: unpacked) }
        try apt.unpack(Self.packages, into: unpacked)
        let kept = unpacked.appendingPathComponent("kept")
        try workspace.make(kept)
        let wanted = Self.libraries + ["sqlite3"]
        for package in Self.packages {
            let place = unpacked.appendingPathComponent(package)
            for case let file as URL in FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)
                ?? .init()
            where wanted.contains(file.lastPathComponent) {
                let values = try file.resourceValues(forKeys: [.isDirectoryKey])
                guard values.isDirectory != true else { continue }
                try Data(contentsOf: file).write(to: kept.appendingPathComponent(file.lastPathComponent))
            }
        }
        for name in wanted
        where !FileManager.default.fileExists(atPath: kept.appendingPathComponent(name).path) {
            throw SystemFailure(description: "Debian's packages hold no \(name)")
        }
        try FileManager.default.moveItem(at: kept, to: folder)
        return folder
    }
}
