import Foundation
import Testing

@testable import SystemImage
@testable import Tool

extension SystemTests {
    /// The end of a run of the tool: machines write their files before the board goes off.
    @Suite(.serialized) struct RunEndTests {
        private let manifest = Repository.file("Tests/Systems/debian-disks.yaml").path
        private static let mount = "mkdir -p /mnt && mount /dev/vda /mnt"

        /// A file that no program has synced survives the end of `--exec`, and Ctrl-A X.
        @Test func unsyncedFilesSurvive() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            func execute(_ command: String) throws -> String {
                try Subprocess(
                    Repository.file("entente").path,
                    ["run", manifest, "--disks", folder.path, "--timeout", "300", "--exec", command]
                ).text()
            }
            let first = try execute(
                "mke2fs /dev/vda >/dev/null && sync && \(Self.mount) && echo first >/mnt/first && echo made")
            #expect(first == "made")
            try leaveByKeys(after: "\(Self.mount) && cp /mnt/first /mnt/second && echo copied | tr a-z A-Z", folder)
            #expect(try execute("\(Self.mount) && cat /mnt/first /mnt/second") == "first\nfirst")
        }

        /// Runs a command at a terminal, and types Ctrl-A X as soon as the command prints COPIED.
        private func leaveByKeys(after command: String, _ folder: URL) throws {
            let run = [Repository.file("entente").path, "run", manifest, "--disks", folder.path, "--timeout", "300"]
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try #require(Subprocess.find("script")))
            process.arguments = ["-qec", run.map(\.quotedForShell).joined(separator: " "), "/dev/null"]
            let (input, output) = (Pipe(), Pipe())
            (process.standardInput, process.standardOutput, process.standardError) = (input, output, output)
            try process.run()
            defer { if process.isRunning { process.terminate() } }
            var text = ""
            func wait(for part: String) throws {
                while !text.contains(part) {
                    let bytes = output.fileHandleForReading.availableData
                    if bytes.isEmpty { throw SystemFailure(description: "the run ended before '\(part)': \(text)") }
                    text += String(decoding: bytes, as: UTF8.self)
                }
            }
            try wait(for: "Enter 'help'")
            try input.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
            try wait(for: "COPIED")
            try input.fileHandleForWriting.write(contentsOf: Data([0x01, UInt8(ascii: "x")]))
            try wait(for: "the board was switched off")
            #expect(text.contains("'web': writing all files"))
            #expect(!text.contains("missing"))
        }
    }
}
