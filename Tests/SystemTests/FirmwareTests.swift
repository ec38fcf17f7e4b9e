import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// Debian's firmware: it finds its device tree, keeps its variables in flash, and starts systems from disks.
    @Suite(.serialized) struct FirmwareTests {
        // MARK: U-Boot

        /// The environment outlives a reset of the machine, and a death of its monitor.
        @Test func uBootKeepsItsEnvironment() throws {
            let system = try RunningSystem("Tests/Systems/firmware.yaml")
            try reachPrompt(of: system)
            try system.type("setenv greeting hello; saveenv\n", on: "u-boot")
            try system.wait(for: "Writing to Flash... done", on: "u-boot")
            try system.wait(for: "OK", on: "u-boot")
            try system.type("virtio scan; reset\n", on: "u-boot")
            try expectEnvironment(of: system)
            try system.type("kill u-boot\n", on: "root")
            try system.wait(for: "back: u-boot, life 2", on: "root")
            try expectEnvironment(of: system)
        }

        /// The device tree that U-Boot finds, and passes on, has a seed for the kernel, and another one at each start.
        @Test func uBootFindsASeedOfItsOwnAtEachStart() throws {
            let system = try RunningSystem("Tests/Systems/firmware.yaml")
            var seeds: Set<String> = []
            for _ in 0..<2 {
                try reachPrompt(of: system)
                try system.type("fdt addr $fdtcontroladdr; fdt print /chosen; echo do\"\"ne\n", on: "u-boot")
                let text = try system.wait(for: "done\r", on: "u-boot")
                let found = try #require(text.firstMatch(of: /rng-seed = <((?:0x[0-9a-f]+ ?){8})>/), "\(text)")
                #expect(seeds.insert(String(found.1)).inserted, "\(text)")
                try system.type("reset\n", on: "u-boot")
            }
        }

        /// U-Boot finds a flash of this size only if it finds both chips.
        private func reachPrompt(of system: RunningSystem) throws {
            try system.wait(for: "Flash: 64 MiB", on: "u-boot", timeout: .seconds(120))
            try system.wait(for: "Hit any key to stop autoboot", on: "u-boot")
            try system.type("\n", on: "u-boot")
            try system.wait(for: "=>", on: "u-boot")
        }

        private func expectEnvironment(of system: RunningSystem) throws {
            try reachPrompt(of: system)
            try system.type("echo $greeting from the flash\n", on: "u-boot")
            try system.wait(for: "hello from the flash", on: "u-boot")
        }

        // MARK: edk2

        /// The shell sets a variable that a reset keeps.
        @Test func uefiKeepsItsVariables() throws {
            let system = try RunningSystem("Tests/Systems/firmware.yaml")
            try reachShell(of: system)
            try system.type("setvar greeting -guid \(Self.owner) -bs -rt -nv =L\"hello\"\r", on: "uefi")
            try system.wait(for: "Shell>", on: "uefi")
            try system.type("reset\r", on: "uefi")
            try reachShell(of: system)
            try system.type("setvar greeting -guid \(Self.owner)\r", on: "uefi")
            // The shell prints the bytes of the text.
            try system.wait(for: "68 00 65 00 6C 00 6C 00 6F 00", on: "uefi")
        }

        private static let owner = "5f0b4a3e-1d2c-4b6a-9e8f-00112233aabb"

        /// An image for QEMU's `virt`, with an EFI system partition, runs as it is: edk2 starts its boot loader, which
        /// starts its Linux, also after a reset.
        @Test func anImageForEFIRunsAsItIs() throws {
            let folder = Repository.file(".entente/tests/efi-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try EFIDisk.write(to: folder.appendingPathComponent("disk.img"), commandLine: "console=ttyAMA0 from.disk")
            let manifest = """
                system: efi
                machines:
                  appliance: {firmware: edk2, memory: 512MiB, disks: {root: {image: disk.img}}}
                """
            try manifest.write(to: folder.appendingPathComponent("system.yaml"), atomically: true, encoding: .utf8)
            var options = BootOptions()
            options.disks = folder.appendingPathComponent("disks")
            let system = try RunningSystem(".entente/tests/\(folder.lastPathComponent)", options: options)
            for _ in 0..<2 {
                try system.wait(for: "Enter 'help'", on: "appliance", timeout: .seconds(300))
                let facts = try system.run(
                    "dmesg | grep -o 'EFI v.* by EDK II'; grep -o from.disk /proc/cmdline; ls /dev/vda1",
                    on: "appliance", timeout: .seconds(120))
                #expect(facts.output.wholeMatch(of: /EFI v2\.[0-9]+ by EDK II\nfrom\.disk\n\/dev\/vda1\n/) != nil)
                #expect(try takesTheSeed(system))
                try system.type("reboot -f\n", on: "appliance")
            }
        }

        /// Returns whether Linux has found 32 bytes of `rng-seed` in the device tree that edk2 has passed on. Linux
        /// replaces the property, which is three words and its value, by words that mean nothing (FDT_NOP, 4).
        private func takesTheSeed(_ system: RunningSystem) throws -> Bool {
            let words = try system.run(
                "hexdump -v -e '4/1 \"%02x\"' /sys/firmware/fdt", on: "appliance", timeout: .seconds(120)
            ).output
            return words.contains(String(repeating: "00000004", count: 3 + 32 / 4))
        }

        private func reachShell(of system: RunningSystem) throws {
            try system.wait(for: "to skip", on: "uefi", timeout: .seconds(120))
            try system.type("\u{1B}", on: "uefi")
            try system.wait(for: "Shell>", on: "uefi")
        }
    }
}
