import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// A machine attacks its disks and all its other devices, and uses its disks properly in between.
    ///
    /// `ENTENTE_FUZZ_SECONDS` is the duration (`ENTENTE_FUZZ_SECONDS=7200 ./entente test --systems --suite
    /// DeviceFuzzTests`), and `ENTENTE_SEED` the seed of the machine's first life.
    @Suite(.serialized) struct DeviceFuzzTests {
        private static let seconds = number("ENTENTE_FUZZ_SECONDS") ?? 60
        private static let seed = number("ENTENTE_SEED") ?? 1
        private static func number(_ variable: String) -> UInt64? {
            ProcessInfo.processInfo.environment[variable].flatMap { UInt64($0) }
        }

        /// Nobody dies, not even the hostile machine's own monitor and backend. The neighbour, whose disk lies in the
        /// same pool, finds all its data, and the pool is sound afterwards.
        @Test func nobodySuffersFromAHostileMachine() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            do {
                let system = try RunningSystem("Tests/Systems/hostile-disks.yaml", options: options) { tenant in
                    guard case .machine(var machine) = tenant, machine.name == "hostile" else { return }
                    machine.commandLine = "console=ttyAMA0 seed=\(Self.seed) rounds=60"
                    tenant = .machine(machine)
                }
                let last = try attack(system)
                print("the last line of the hostile machine: \(last)")
                try expectOthersWork(system)
            }
            let pool = try #require(
                try PoolFile.open(folder.appendingPathComponent("main.raw"), boardDisk: "main", isReadOnly: true))
            let check = try pool.check(repairing: false)
            #expect(check.isSound, "\(check.text)")
        }

        /// Lets the machine attack for the duration. Fails if it is silent for long, as it is after a wrong result.
        /// - Returns: its last report.
        private func attack(_ system: RunningSystem) throws -> String {
            let end = ContinuousClock.now + .seconds(Int(Self.seconds))
            var report = ""
            repeat {
                report = try system.wait(for: " end\r\n", on: "hostile", timeout: .seconds(240))
                for console in ["neighbour", "heartbeat"] {
                    #expect(try !system.takeOutput(of: console).contains("WRONG"))
                }
            } while ContinuousClock.now < end
            let words = try #require(report.firstMatch(of: /seed \d+ round \d+: verified (\d+) completed (\d+)/))
            #expect(Int(words.1)! > 0 && Int(words.2)! > 0, "the attacks reach nothing")
            return String(report.suffix(400))
        }

        private func expectOthersWork(_ system: RunningSystem) throws {
            for _ in 0..<2 { try system.wait(for: "all right", on: "neighbour") }
            try system.wait(for: "heartbeat ", on: "heartbeat")
            for tenant in ["serial"] + system.manifest.tenants.map(\.name) {
                try system.type("restarts\n", on: "root")
                try system.wait(for: "\(tenant): runs, died 0 times", on: "root")
            }
            #expect(try !system.lines(of: "kernel").contains { $0.contains("panic") })
            #expect(try !system.lines(of: "neighbour").contains { $0.contains("WRONG") })
        }
    }
}
