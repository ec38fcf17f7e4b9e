import Testing

extension SystemTests {
    /// Debian's firmware in machines without disks: it finds its device tree, and keeps its variables in flash.
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

        private func reachShell(of system: RunningSystem) throws {
            try system.wait(for: "to skip", on: "uefi", timeout: .seconds(120))
            try system.type("\u{1B}", on: "uefi")
            try system.wait(for: "Shell>", on: "uefi")
        }
    }
}
