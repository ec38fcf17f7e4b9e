import Foundation
import Testing

@testable import Tool
@testable import Workshop

/// The programs for a Linux machine, which are built when a test or a benchmark needs one.
@Suite struct LinuxWorkloadTests {
    /// All programs share headers, so that a change for one of them can break another.
    @Test func everyProgramCompiles() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Guests/Linux")
        let sources = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".c") }
        #expect(sources.count > 20)
        for source in sources.sorted() {
            let compiler = Subprocess(
                "clang", LinuxWorkload.compilerArguments + ["-fsyntax-only", source], directory: folder)
            let (status, text) = try compiler.outcome()
            #expect(status == 0, "\(source): \(text)")
        }
    }
}
