import Foundation
import SystemImage

// The documents' prose is broken into lines, so that a difference shows the sentence that changed. Tables, code and
// lines that are nothing but a link cannot be broken, so they may be longer.
extension FormatCheck {
    /// The folders with documents, beside the root itself.
    static let documentFolders = ["docs", "examples"] + folders

    /// Returns the lines of prose that are too long, in all documents of the repository.
    static func longProse(inRepository root: URL) throws -> [Diagnostic] {
        let topLevel = try FileManager.default.contentsOfDirectory(atPath: root.path)
        let below = try documentFolders.flatMap { folder in
            let path = root.appendingPathComponent(folder).path
            return try FileManager.default.subpathsOfDirectory(atPath: path).map { "\(folder)/\($0)" }
        }
        let documents = (topLevel + below).filter { $0.hasSuffix(".md") && !isHidden($0) }
        return try documents.sorted().flatMap { path in
            let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            return longProse(inDocument: text).map { line, count in
                Diagnostic(
                    "the line has \(count) characters, and \(width) fit", remedy: "break it",
                    at: Diagnostic.Place(file: path, line: line, column: width + 1))
            }
        }
    }

    /// Returns the numbers, counted from 1, and the widths of the lines that are too long.
    static func longProse(inDocument text: String) -> [(line: Int, count: Int)] {
        var (isInCode, found): (Bool, [(line: Int, count: Int)]) = (false, [])
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let content = line.drop { $0 == " " }
            if content.hasPrefix("```") { isInCode.toggle() }
            guard line.count > width, !isInCode, !content.hasPrefix("|"), !isLink(content) else { continue }
            found.append((index + 1, line.count))
        }
        return found
    }

    /// Returns true if a line, which may be an item of a list, consists of one link or picture.
    private static func isLink(_ line: Substring) -> Bool {
        line.wholeMatch(of: /([-*] )?!?\[[^\]]*\]\([^)]*\)[.,;]?/) != nil
    }

    /// Returns true if a path leads through a folder of build output.
    private static func isHidden(_ path: String) -> Bool { path.split(separator: "/").contains { $0.hasPrefix(".") } }
}
