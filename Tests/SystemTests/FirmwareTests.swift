import Testing

extension SystemTests {
    /// Debian's firmware in machines: it finds its device tree, and keeps its variables in flash.
    @Suite(.serialized) struct FirmwareTests {
        /// U-Boot finds a flash of the right size, and saves its environment in it. The environment outlives a reset of
        /// the machine, and a death of its monitor.
        @Test func uBootKeepsItsEnvironment() throws {
            let system = try RunningSystem("Tests/Systems/firmware.yaml")
            try reachPrompt(of: system)
            try system.type("flinfo 9; echo d'one'\n", on: "u-boot")
            try system.type("setenv greeting hello; saveenv\n", on: "u-boot")
            try system.wait(for: "Writing to Flash... done", on: "u-boot")
            try system.wait(for: "OK", on: "u-boot")
            try system.type("reset\n", on: "u-boot")
            try expectEnvironment(of: system)
            try system.type("kill u-boot\n", on: "root")
            try system.wait(for: "back: u-boot, life 2", on: "root")
            try expectEnvironment(of: system)
        }

        private func reachPrompt(of system: RunningSystem) throws {
            try system.wait(for: "Flash: 64 MiB", on: "u-boot")
            try system.wait(for: "Hit any key to stop autoboot", on: "u-boot")
            try system.type("\n", on: "u-boot")
            try system.wait(for: "=>", on: "u-boot")
        }

        private func expectEnvironment(of system: RunningSystem) throws {
            try reachPrompt(of: system)
            try system.type("echo $greeting from the flash\n", on: "u-boot")
            try system.wait(for: "hello from the flash", on: "u-boot")
        }
    }
}
