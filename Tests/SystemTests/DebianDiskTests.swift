import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// A whole Debian on a disk of a pool.
    @Suite(.serialized) struct DebianDiskTests {
        /// A start of Debian takes a multiple of the time of a small system.
        private let patience = Duration.seconds(600)

        /// Debian starts all of its services. A file survives a reboot of the machine, and the end of the run.
        @Test func filesSurviveRebootAndTheNextRun() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            do {
                let system = try RunningSystem("examples/debian-disk", options: options)
                try system.wait(for: "root@web:~# ", on: "web", timeout: patience)
                try system.type("systemctl is-system-running; systemctl --failed --no-legend\n", on: "web")
                try system.wait(for: "running\r", on: "web", timeout: patience)
                try system.type(
                    "sqlite3 /root/kept 'create table t (n); insert into t values (6*7)'; reboot\n", on: "web")
                try system.wait(for: "automatic login", on: "web", timeout: patience)
                try system.wait(for: "root@web:~# ", on: "web", timeout: patience)
                try system.type("sqlite3 /root/kept \"select 'kept '||n from t\"; sync\n", on: "web")
                try system.wait(for: "kept 42\r", on: "web", timeout: patience)
            }
            let system = try RunningSystem("examples/debian-disk", options: options)
            try system.wait(for: "root@web:~# ", on: "web", timeout: patience)
            try system.type("sqlite3 /root/kept \"select 'still '||n from t\"; df -m / | tail -1\n", on: "web")
            try system.wait(for: "still 42\r", on: "web", timeout: patience)
        }

        /// U-Boot starts the kernel of the disk. A newer kernel and another command line take effect at the next start,
        /// after the hook that the installation of a kernel calls.
        @Test func aNewKernelOnTheDiskTakesEffect() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            let system = try RunningSystem("Tests/Systems/debian-firmware.yaml", options: options)
            try system.wait(for: "Retrieving file: /boot/vmlinuz-", on: "web", timeout: patience)
            try system.wait(for: "root@web:~# ", on: "web", timeout: patience)
            try system.type("systemctl is-system-running\n", on: "web")
            try system.wait(for: "running\r", on: "web", timeout: patience)
            let commands = [
                "cd /boot", "cp vmlinuz-$(uname -r) vmlinuz-99.1-new", "cp initrd.img-$(uname -r) initrd.img-99.1-new",
                "echo 'U_BOOT_PARAMETERS=\"ro console=ttyAMA0 second.start\"' >>/etc/u-boot-menu/conf.d/entente.conf",
                "/etc/kernel/postinst.d/zz-u-boot-menu 99.1-new vmlinuz-99.1-new", "reboot\n",
            ]
            try system.type(commands.joined(separator: " && "), on: "web")
            try system.wait(for: "Retrieving file: /boot/vmlinuz-99.1-new", on: "web", timeout: patience)
            try system.wait(for: "root@web:~# ", on: "web", timeout: patience)
            try system.type("tr ' ' '\\n' </proc/cmdline | grep second | tr a-z A-Z\n", on: "web")
            try system.wait(for: "SECOND.START", on: "web", timeout: patience)
        }
    }
}
