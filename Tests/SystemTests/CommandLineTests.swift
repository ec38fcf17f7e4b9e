import Foundation
import Testing

@testable import Workshop

extension SystemTests {
    /// The tool as a script uses it.
    @Suite(.serialized) struct CommandLineTests {
        @Test func execPrintsTheOutputAndNothingElse() throws {
            let result = try entente([
                "run", "examples/debian", "--exec", "echo out; echo error >&2; exit 3", "--timeout", "120",
            ])
            #expect(result.output == "out\nerror\n")
            #expect(result.status == 3)
        }

        @Test func execEndsInTime() throws {
            let result = try entente(["run", "examples/debian", "--exec", "echo begun; sleep 1000", "--timeout", "15"])
            #expect(result.output == "begun\n")
            #expect(result.status == 124)
        }

        @Test func anUnknownMachineIsNamed() throws {
            let result = try entente(["run", "examples/debian", "--machine", "nobody", "--exec", "true"])
            #expect(result.output == "")
            #expect(result.status == 1)
            #expect(result.errors.contains("the system has no machine named 'nobody'"))
            #expect(result.errors.contains("remedy: choose from: debian"))
        }

        private func entente(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
            let process = Process()
            process.executableURL = Repository.file("entente")
            process.arguments = arguments
            process.currentDirectoryURL = Repository.root
            process.standardInput = FileHandle.nullDevice
            let (output, errors) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = errors
            try process.run()
            // The test reads both outputs at the same time and to their ends, so that no full pipe blocks and nothing
            // is lost.
            let messages = errors.fileHandleForReading
            let said = Background { messages.readDataToEndOfFile() }
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text, String(decoding: try said.result(), as: UTF8.self))
        }
    }
}
