import Foundation
import Testing

extension SystemTests {
    /// Runs every command of the tutorials, in its order, in an empty folder. One shell runs the blocks marked `sh`,
    /// and its output must hold the lines of the blocks marked `output`.
    @Suite struct TutorialTests {
        @Test(arguments: [("docs/tutorial.md", ["counter", "visitor"]), ("docs/tutorial-driver.md", ["wallclock"])])
        func everyCommandOfTheTutorialWorks(tutorial: String, packages: [String]) throws {
            let text = try String(contentsOf: Repository.file(tutorial), encoding: .utf8)
            let blocks = text.matches(of: /(?s)```(sh|output)\n(.*?)```/)
            let script = "set -e\n" + blocks.filter { $0.1 == "sh" }.map { String($0.2) }.joined(separator: "\n")
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "entente-tutorial-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let (status, output) = try run(script, in: folder)
            #expect(status == 0, "\(output.suffix(4000))")
            for block in blocks where block.1 == "output" {
                for line in block.2.split(separator: "\n") {
                    #expect(output.contains(line), "'\(line)' is not in \(output.suffix(4000))")
                }
            }
            // The packages hold no build output.
            for package in packages {
                let names = try FileManager.default.contentsOfDirectory(
                    atPath: folder.appendingPathComponent(package).path)
                #expect(
                    Set(names).isSubset(of: [
                        ".entente", ".gitignore", "Package.swift", "README.md", "Sources", "Tests", "system.yaml",
                    ]), "\(names)")
            }
            // A plain `swift test` finds Entente by the link. One package suffices to show it.
            guard packages.contains("counter") else { return }
            let scratch = folder.appendingPathComponent("scratch").path
            let plain = try run("swift test --package-path counter --scratch-path \(scratch)", in: folder)
            #expect(plain.status == 0, "\(plain.output.suffix(4000))")
        }

        @Test func newComponentsRefuseWhatIsThere() throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "entente-new-\(UUID().uuidString)")
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent("here"), withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let taken = try run("entente new component here", in: folder)
            #expect(taken.status == 1)
            #expect(taken.output.contains("there is something already"))
            #expect(taken.output.contains("remedy: "))
            let bad = try run("entente new component 9lives", in: folder)
            #expect(bad.status == 1)
            #expect(bad.output.contains("'9lives' cannot name a component"))
        }

        private func run(_ script: String, in folder: URL) throws -> (status: Int32, output: String) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = ["-c", script]
            process.currentDirectoryURL = folder
            var environment = ProcessInfo.processInfo.environment
            environment["PATH"] = Repository.root.path + ":" + (environment["PATH"] ?? "")
            environment["ENTENTE_ROOT"] = nil
            process.environment = environment
            process.standardInput = FileHandle.nullDevice
            let pipe = Pipe()
            (process.standardOutput, process.standardError) = (pipe, pipe)
            try process.run()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, output)
        }
    }
}
