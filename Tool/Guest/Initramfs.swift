import Foundation
import SystemImage

/// The initial file system of a Debian machine: busybox, a link for each of its commands, and four small files.
struct Initramfs {
    let busybox: Data
    /// The folder in which the tool keeps it.
    let folder: URL

    func archive() throws -> Data {
        var archive = CpioArchive()
        for path in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp"] { archive.add(directory: path) }
        // The kernel opens /dev/console before any program could mount a file system there.
        archive.add(characterDevice: "dev/console", major: 5, minor: 1, permissions: 0o600)
        archive.add(characterDevice: "dev/null", major: 1, minor: 3, permissions: 0o666)
        for path in ["sbin", "usr"] { archive.add(link: path, to: path == "usr" ? "/" : "bin") }
        archive.add(file: "bin/busybox", contents: busybox, permissions: 0o755)
        for name in try Initramfs.commands(of: busybox, in: folder) where name != "busybox" {
            archive.add(link: "bin/\(name)", to: "busybox")
        }
        archive.add(link: "init", to: "bin/busybox")
        for (path, text) in Initramfs.files {
            archive.add(file: path, contents: Data(text.utf8), permissions: path.hasSuffix("start") ? 0o755 : 0o644)
        }
        return archive.finished()
    }

    /// Returns the commands of a busybox, from its own table of names. The tool cannot run a busybox of another
    /// architecture, and if the machine made the links, each boot would take a few million instructions more.
    static func commands(of busybox: Data, in folder: URL) throws -> [String] {
        // The table is sorted, and each name ends with a zero byte; "[" and "[[" sort first.
        guard let start = busybox.range(of: Data("\0[\0[[\0".utf8)) else {
            throw Failure(
                "the busybox of the guest holds no table of commands",
                remedy: "delete the folder \(folder.shortPath), so that it is fetched again")
        }
        var names: [String] = []
        for name in busybox[(start.lowerBound + 1)...].split(
            separator: 0, maxSplits: 1000, omittingEmptySubsequences: false)
        {
            guard !name.isEmpty, name.count < 32, name.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { break }
            let text = String(decoding: name, as: UTF8.self)
            if let last = names.last, !last.utf8.lexicographicallyPrecedes(text.utf8) { break }
            names.append(text)
        }
        guard names.contains("sh"), names.contains("init"), names.contains("mount") else {
            throw Failure(
                "the busybox of the guest lacks one of the commands sh, init and mount",
                remedy: "delete the folder \(folder.shortPath), so that it is fetched again")
        }
        return names
    }

    static let inittab = """
        ::sysinit:/etc/start
        ::respawn:/bin/cttyhack /bin/sh -l
        ::ctrlaltdel:/bin/reboot
        ::shutdown:/bin/sync

        """

    private static let files = [
        "etc/inittab": inittab,
        "etc/start": """
        #!/bin/sh
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        mount -t devtmpfs devtmpfs /dev
        mkdir /dev/pts /dev/shm
        mount -t devpts devpts /dev/pts
        mount -t tmpfs tmpfs /dev/shm
        # Prints a text of the tool about this machine. It ends with a zero byte and no line feed.
        said() { line=; read -r line 2>/dev/null <"/proc/device-tree/chosen/entente,$1"; echo "${line:-$2}"; }
        hostname "$(said name debian)"
        # A serial line has no size; programs that fill the screen want one.
        stty $(said terminal 'rows 24 cols 80')
        dmesg -n 4
        [ -e /etc/drivers ] && . /etc/drivers
        echo
        echo "Linux $(uname -r), $(nproc) CPU(s), $(free -m | awk '/^Mem/ {print $2}') MiB. 'poweroff' ends this machine, 'reboot' restarts it."

        """,
        "etc/profile": """
        export PATH=/bin HOME=/root TERM=${TERM:-linux} PS1='\\h:\\w# '
        cd

        """,
        "etc/passwd": "root::0:0:root:/root:/bin/sh\n",
        "etc/group": "root:x:0:\n",
    ]
}
