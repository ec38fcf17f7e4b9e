import Foundation
import Tool

/// A guest of Xen (a domU): Debian's kernel with a small initial file system.
struct XenDomain {
    var name: String
    /// The RAM in MiB.
    var memory = 128
    var cpus = 1
    /// The commands of its shell. The domain goes off behind them.
    var script = ""
    /// Further files of its initial file system, all executable.
    var files: [String: Data] = [:]
    /// The disk of the first domain that this domain has as `/dev/xvda`, or nil for none.
    var disk: String?
    /// The arguments of the file `measure`, if that is a program to be the first process in the place of the script, or
    /// nil.
    var directArguments: String?

    private var commandLine: String {
        "console=hvc0 quiet kpti=off" + (directArguments.map { " rdinit=/measure \($0)" } ?? "")
    }

    /// The file for `xl create` (xl.cfg(5)).
    var configuration: String {
        var lines = [
            "name = \"\(name)\"", "kernel = \"/xen/kernel\"", "ramdisk = \"/xen/\(name).initrd\"",
            "memory = \(memory)", "vcpus = \(cpus)", "extra = \"\(commandLine)\"", "on_poweroff = \"destroy\"",
            "on_crash = \"destroy\"",
        ]
        if let disk { lines.append("disk = [\"phy:\(disk),xvda,w\"]") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// Adds the driver that the first process loads itself (Guests/Linux/storage.c), and the folder of its device.
    private func addDriverOfDisk(_ drivers: XenKernel, to archive: inout CpioArchive) throws {
        archive.add(directory: "dev")
        archive.add(directory: "lib")
        for (name, contents) in try drivers.modules(XenDrivers.ofGuest) where name.hasPrefix("xen-blkfront") {
            archive.add(file: "lib/\(name)", contents: contents)
        }
    }

    /// Returns its initial file system.
    func initrd(_ drivers: XenKernel) throws -> Data {
        var archive = CpioArchive()
        for (path, contents) in files.sorted(by: { $0.key < $1.key }) {
            archive.add(file: path, contents: contents, permissions: 0o755)
        }
        if directArguments != nil {
            archive.add(directory: "tmp")
            if disk != nil { try addDriverOfDisk(drivers, to: &archive) }
            return archive.finished()
        }
        let text = """
            #!/bin/sh
            export PATH=/bin
            for module in \(XenDrivers.ofGuest.joined(separator: " ")); do insmod /modules/$module; done
            \(disk == nil ? ":" : "while [ ! -b /dev/xvda ]; do usleep 1000; done")
            \(script)
            poweroff -f

            """
        archive.add(directory: "modules")
        for (name, contents) in try drivers.modules(XenDrivers.ofGuest) {
            archive.add(file: "modules/\(name)", contents: contents)
        }
        archive.add(file: "measure", contents: Data(text.utf8), permissions: 0o755)
        archive.add(file: "etc/inittab", contents: Data("::sysinit:/etc/start\n::once:/measure\n".utf8))
        return try Data(contentsOf: drivers.initrd) + archive.finished()
    }
}
