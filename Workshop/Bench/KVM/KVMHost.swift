import Foundation
import SystemImage
import Tool

/// The files that make a Debian machine a host of KVM: Debian's QEMU for arm64, the guests' files, and a shell script
/// that the machine runs in the place of a shell.
///
/// The script can use these commands. A guest is named by `KVMGuest.name`.
///
///     begin GUEST     starts the guest in the background
///     await GUEST     waits until the guest is off
///     freeze GUEST    stops QEMU with all its threads, until `thaw GUEST`
///     finish GUEST    kills QEMU
///     exits GUEST     prints KVM's counters of the guest that are not zero
///     memory          prints the memory of the host and of each QEMU, in KiB
///     mark begin      sets a mark for the emulator's plugins, as does `mark end`
///
/// Each line of a guest's console comes out as `kvm GUEST: TEXT`. When a guest has turned itself off, its counters are
/// printed, and its QEMU ends.
struct KVMHost {
    let workspace: Workspace
    var guests: [KVMGuest]
    /// The commands of the host. They run every guest until all are off if this is nil.
    var script: String?
    /// A text of a guest's console, and the commands that the host runs when a guest prints it. `$1` is its name.
    var reaction: (text: String, commands: String)?
    /// More files of the host, by their paths without a slash at the beginning. They are executable.
    var files: [String: Data] = [:]

    private static func emulator(in workspace: Workspace) -> DebianProgram {
        DebianProgram(workspace: workspace, package: "qemu-system-arm", path: "usr/bin/qemu-system-aarch64")
    }

    /// Returns the version of Debian's package of QEMU for arm64.
    static func emulatorVersion(in workspace: Workspace) throws -> String {
        let archive = try emulator(in: workspace).archive()
        guard let mark = archive.range(of: Data("(Debian 1:".utf8)) else {
            throw Failure("Debian's QEMU for arm64 has no version", remedy: "remove .entente/debian/programs")
        }
        return String(decoding: archive[mark.upperBound...].prefix { $0 != UInt8(ascii: ")") }, as: UTF8.self)
    }

    /// Returns the archive that Linux unpacks behind the initial file system of a Debian machine.
    func archive() throws -> Data {
        var archive = CpioArchive()
        archive.add(directory: "guests")
        // Guests that have a file in common share it.
        var places: [URL: String] = [:]
        func place(of file: URL) throws -> String {
            if let known = places[file] { return known }
            let path = "guests/file\(places.count)"
            places[file] = "/\(path)"
            archive.add(file: path, contents: try Data(contentsOf: file))
            return "/\(path)"
        }
        for guest in guests {
            let command = guest.command(
                kernel: try place(of: guest.kernel), initrd: try guest.initrd.map { try place(of: $0) })
            archive.add(
                file: "guests/\(guest.name)", contents: Data("exec \(command) </dev/null 2>&1\n".utf8))
        }
        let mark = try LinuxWorkload(workspace: workspace, name: "mark").build()
        archive.add(file: "bin/mark", contents: mark, permissions: 0o755)
        for (name, text) in commands {
            archive.add(file: "bin/\(name)", contents: Data("#!/bin/sh\n\(text)\n".utf8), permissions: 0o755)
        }
        for (path, contents) in files.sorted(by: { $0.key < $1.key }) {
            archive.add(file: path, contents: contents, permissions: 0o755)
        }
        archive.add(file: "etc/inittab", contents: Data("::sysinit:/etc/start\n::once:/bin/host\n".utf8))
        return try Self.emulator(in: workspace).archive() + archive.finished()
    }

    private var everyGuest: String {
        (guests.map { "begin \($0.name)" } + guests.map { "await \($0.name)" }).joined(separator: "\n")
    }

    /// The commands of the host, by their names.
    var commands: [(name: String, text: String)] {
        [
            ("host", "mount -t debugfs debugfs /sys/kernel/debug\n\(script ?? everyGuest)\necho 'kvm: end'"),
            (
                "begin",
                """
                mkdir -p /run/kvm
                rm -f /run/kvm/$1.off
                (sh -c "echo \\$\\$ >/run/kvm/$1.pid; . /guests/$1" | awk -v name="$1" -f /bin/hear) &
                """
            ),
            ("await", "while [ ! -e /run/kvm/$1.off ]; do sleep 0.1; done"),
            ("freeze", "kill -STOP $(cat /run/kvm/$1.pid)"),
            ("thaw", "kill -CONT $(cat /run/kvm/$1.pid)"),
            ("finish", "kill -KILL $(cat /run/kvm/$1.pid)"),
            (
                "exits",
                """
                line=
                for file in /sys/kernel/debug/kvm/$(cat /run/kvm/$1.pid)-*/*; do
                    [ -f $file ] || continue
                    read -r value <$file
                    [ "$value" = 0 ] || line="$line ${file##*/} $value"
                done
                echo "kvm $1 exits:$line"
                """
            ),
            (
                "memory",
                """
                line=$(awk '/^Mem/ { sub(":", ""); printf " %s %s", $1, $2 }' /proc/meminfo)
                for file in /run/kvm/*.pid; do
                    [ -e $file ] || continue
                    name=${file##*/}
                    line="$line$(awk -v name=${name%.pid} '/^VmRSS/ { printf " %s %s", name, $2 }' /proc/$(cat $file)/status)"
                done
                echo "kvm memory:$line"
                """
            ),
            ("react", reaction?.commands ?? ""),
            // The guest prints the text of its end just before it turns itself off.
            ("off", "sleep 0.1; exits $1; finish $1"),
            (
                "hear",
                """
                { print "kvm " name ": " $0; fflush() }
                \(reaction.map { "index($0, \"\($0.text)\") { system(\"react \" name) }" } ?? "")
                /reboot: Power down/ { system("off " name) }
                END { print "kvm " name " is off"; fflush(); system("touch /run/kvm/" name ".off") }
                """
            ),
        ]
    }
}
