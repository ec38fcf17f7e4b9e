import Foundation
import SystemImage

/// Counts the lines of sources that hold code: neither blank nor comments alone.
enum SourceLines {
    private static let kinds: Set = ["swift", "c", "h", "S", "ld"]

    /// Returns the number of lines of code in all sources of a folder and of the folders in it.
    ///
    /// - Parameter omitting: decides by the path below `folder` which files do not count.
    static func count(in folder: URL, omitting: (String) -> Bool = { _ in false }) throws -> Int {
        guard FileManager.default.fileExists(atPath: folder.path) else {
            throw Failure(
                "there is no folder \(folder.path), whose lines are to be counted",
                remedy: "name its present place in the experiment")
        }
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? []
        return files.compactMap { $0 as? URL }.reduce(0) { sum, file in
            let path = String(file.path.dropFirst(folder.path.count + 1))
            guard kinds.contains(file.pathExtension), !path.hasPrefix(".build"), !path.contains("/.build/"),
                !omitting(path), let text = try? String(contentsOf: file, encoding: .utf8)
            else { return sum }
            return sum + count(in: text)
        }
    }

    /// Returns the number of lines of a text that hold code. Comments of C that begin behind code end on that line.
    static func count(in text: String) -> Int {
        var isInComment = false
        return text.split(separator: "\n", omittingEmptySubsequences: true).count { line in
            let words = line.drop { $0 == " " || $0 == "\t" }
            if isInComment {
                isInComment = !words.contains("*/")
                return false
            }
            if words.isEmpty || words.hasPrefix("//") { return false }
            guard words.hasPrefix("/*") else { return true }
            isInComment = !words.contains("*/")
            return false
        }
    }
}
