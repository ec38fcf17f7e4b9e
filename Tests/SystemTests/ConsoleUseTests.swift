import Foundation
import Testing

extension SystemTests {
    /// Uses the consoles of a running system as users and scripts do.
    @Suite(.serialized) struct ConsoleUseTests {
        /// Runs commands of all lengths and bytes by the guest's own shell, and lets a script restart a machine that
        /// hangs.
        ///
        /// `RealShellTests` sends 100,000 bytes, which would take half a minute on the line.
        @Test func scriptsReachEveryConsole() throws {
            let system = try RunningSystem("examples/debian")
            for length in [1, 384, 385, 4_096] {
                let command =
                    length == 1
                    ? ":" : String(("echo \(length) #" + String(repeating: "x", count: length)).prefix(length))
                let result = try system.run(command, on: "debian", timeout: .seconds(60))
                #expect(result.output == (length == 1 ? "" : "\(length)\n"))
                #expect(result.status == 0)
            }
            // The text holds each byte but zero. The quote is written as '\''.
            let text = (1...127).map { $0 == 0x27 ? "'\\''" : String(Unicode.Scalar(UInt8($0))) }.joined()
            let bytes = try system.run(
                "printf %s '\(text)' | od -An -v -tx1 | tr -d ' \\n'; echo\nexit 5\n", on: "debian")
            #expect(bytes.output == (1...127).map { String(format: "%02x", $0) }.joined() + "\n")
            #expect(bytes.status == 5)

            #expect(try system.run("hostname; stty -F /dev/ttyAMA0 size", on: "debian").output == "debian\n24 80\n")
            try system.type("\n", on: "debian")
            try system.wait(for: "debian:/root# ", on: "debian")

            // The machine no longer reacts, as if its kernel hung.
            try system.type("while :; do :; done\n", on: "debian")
            try system.forget("debian")
            let restarted = try system.whileItRuns(tool: ["restart", "deb", "--system", system.place])
            #expect(restarted.status == 0, "\(restarted.errors)")
            #expect(restarted.output.hasPrefix("back: debian, life 2, built in "))
            #expect(try system.run("hostname", on: "debian", timeout: .seconds(120)).output == "debian\n")

            let asked = try system.whileItRuns(
                tool: ["console", "root", "--system", system.place], input: "restarts\n")
            #expect(asked.output.contains("debian: runs, died 1 times"))
            let refused = try system.whileItRuns(tool: ["restart", "nobody", "--system", system.place])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("no console has the name 'nobody'"))
        }

        /// The output has no reader any more. The run ends without a trap, a backtrace, or an emulator that goes on.
        @Test func aClosedOutputEndsTheRunQuietly() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            let errors = folder.appendingPathComponent("errors")
            let run = "'\(Repository.file("entente").path)' run examples/debian --exec 'seq 100000'"
            process.arguments = ["-c", "\(run) 2>'\(errors.path)' | head -1; echo ${PIPESTATUS[0]}"]
            process.currentDirectoryURL = Repository.root
            process.standardInput = FileHandle.nullDevice
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(text == "1\n141\n")
            let said = try String(contentsOf: errors, encoding: .utf8)
            #expect(!said.contains("error"), "\(said)")
            #expect(!said.contains("Fatal"), "\(said)")
        }

        /// Two systems of one name at the same time: each boots its own image and keeps its own logs.
        @Test func systemsOfOneNameDoNotMeet() throws {
            let systems = try ["twin-a", "twin-b"].map { try RunningSystem("Tests/Systems/\($0).yaml") }
            #expect(systems[0].name == systems[1].name)
            #expect(systems[0].place != systems[1].place)
            try systems[0].wait(for: "heartbeat 1\n", on: "slow")
            try systems[1].wait(for: "heartbeat 20\n", on: "quick")
            try systems[0].wait(for: "heartbeat 3\n", on: "slow")
            for (system, name) in zip(systems, ["slow", "quick"]) {
                let log = try String(contentsOf: system.logs.appendingPathComponent("\(name).log"), encoding: .utf8)
                #expect(log.contains("heartbeat 1\n"))
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: system.logs.path).sorted()
                        == ["kernel.log", "root.log", "serial.log", "\(name).log"].sorted())
            }
        }
    }
}
