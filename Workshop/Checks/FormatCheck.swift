import Foundation
import SystemImage
import Tool

/// Checks that sources are written as swift-format writes them, with the configuration `.swift-format`, and that lines
/// of comments and documents are not too long.
struct FormatCheck {
    let workspace: Workspace

    /// The folders that are checked. `swift format format -p -i -r FOLDER` rewrites one.
    static let folders = [
        "Benchmarks", "Components", "Guests", "Kernel", "Kit", "Machines", "Services", "System", "Tests", "Tool",
        "Workshop",
    ]

    func run() throws -> TestResult {
        var result = TestResult(name: "Format", passed: 0, failed: 0)
        for folder in Self.folders {
            let path = workspace.root.appendingPathComponent(folder).path
            let configuration = workspace.root.appendingPathComponent(".swift-format").path
            let lint = Subprocess(
                "swift", ["format", "lint", "--strict", "-p", "-r", "--configuration", configuration, path])
            let (status, text) = try lint.outcome()
            let long = try Self.longLines(below: URL(fileURLWithPath: path))
            if status == 0, long.isEmpty {
                result.passed += 1
                continue
            }
            result.failed += 1
            long.forEach { Progress.say($0.description) }
            if status != 0 {
                Progress.say(text)
                Progress.say("    \(folder) is not formatted; run: swift format format -p -i -r \(folder)")
            }
        }
        let prose = try Self.longProse(inRepository: workspace.root)
        prose.forEach { Progress.say($0.description) }
        if prose.isEmpty { result.passed += 1 } else { result.failed += 1 }
        return result
    }

    /// The number of characters that fit a line. swift-format wraps code, but neither comments nor texts. Texts may be
    /// longer, so that a person finds a message by searching for it.
    static let width = 120

    private static func isLongComment(_ line: Substring) -> Bool {
        line.count > width && line.drop { $0 == " " }.hasPrefix("//")
    }

    /// Returns the comments of a folder's sources that are too long.
    static func longLines(below folder: URL) throws -> [Diagnostic] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        return try paths.sorted().flatMap { path in
            let file = folder.appendingPathComponent(path)
            let lines = try String(contentsOf: file, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false)
            return lines.enumerated().filter { isLongComment($0.element) }.map { index, line in
                Diagnostic(
                    "the line has \(line.count) characters, and \(width) fit", remedy: "break it",
                    at: Diagnostic.Place(file: file.path, line: index + 1, column: width + 1))
            }
        }
    }
}
