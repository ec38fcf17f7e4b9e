import Foundation
import Yams

/// The programs that `target:` can name.
public struct KnownPrograms: Sendable {
    public var components: [String]
    /// The programs for machines.
    public var guests: [String]

    public init(components: [String], guests: [String]) {
        self.components = components
        self.guests = guests
    }
}

/// The manifest's text, and the faults that were found in it so far.
final class ManifestSource {
    /// The path as the user gave it.
    let path: String
    /// The folder at which relative paths of the manifest begin.
    let folder: URL
    let programs: KnownPrograms?
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var warnings: [Diagnostic] = []

    private static let maximumSize = 1 << 20

    init(path: String, programs: KnownPrograms?) {
        self.path = path
        self.programs = programs
        folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    }

    func report(line: Int, column: Int, _ problem: String, remedy: String) {
        diagnostics.append(Diagnostic(problem, remedy: remedy, at: place(line, column)))
    }

    func report(at mark: Mark?, _ problem: String, remedy: String) {
        report(line: mark?.line ?? 1, column: mark?.column ?? 1, problem, remedy: remedy)
    }

    func warn(at mark: Mark?, _ problem: String, remedy: String) {
        warnings.append(
            Diagnostic(problem, remedy: remedy, at: place(of: mark), severity: .warning))
    }

    func place(of mark: Mark?) -> Diagnostic.Place { place(mark?.line ?? 1, mark?.column ?? 1) }

    private func place(_ line: Int, _ column: Int) -> Diagnostic.Place {
        Diagnostic.Place(file: path, line: line, column: column)
    }

    func report(at node: Node, _ problem: String, remedy: String) {
        report(at: node.mark, problem, remedy: remedy)
    }

    /// Adds the faults of a failure. A fault without a place gets `mark`, and its text begins with `subject`.
    func report(_ failure: Failure, of subject: String, at mark: Mark?) {
        diagnostics += failure.diagnostics.map { fault in
            fault.place != nil
                ? fault : Diagnostic("\(subject): \(fault.problem)", remedy: fault.remedy, at: place(of: mark))
        }
    }

    /// Returns the document's root, or reports its absence and returns nil.
    func parse() -> Node? {
        guard let text = contents() else { return nil }
        do {
            guard let root = try Yams.compose(yaml: text), !root.isEmpty else {
                report(
                    at: nil, "the manifest is empty",
                    remedy: "begin with 'system: NAME' and at least one machine or component; see docs/manifest.md")
                return nil
            }
            return root
        } catch let error as YamlError {
            report(error, in: text)
        } catch {
            report(at: nil, "the manifest cannot be read: \(error)", remedy: "write it as YAML; see docs/manifest.md")
        }
        return nil
    }

    private func contents() -> String? {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            report(
                at: nil, exists ? "the manifest cannot be read" : "there is no such file",
                remedy: exists
                    ? "make it readable to your account"
                    : "name a manifest, or a folder with a system.yaml; './entente new component NAME' makes such a folder"
            )
            return nil
        }
        guard data.count <= Self.maximumSize else {
            report(
                at: nil, "the manifest has \(data.count) bytes, but at most \(Self.maximumSize) are possible",
                remedy: "name a YAML file, not a binary")
            return nil
        }
        guard let text = String(data: data, encoding: .utf8) else {
            report(at: nil, "the manifest is not UTF-8 text", remedy: "name a YAML file, or save it as UTF-8")
            return nil
        }
        return text
    }

    private func report(_ error: YamlError, in text: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            report(
                at: mark, "the file is not valid YAML: " + (context.map { $0.text + ", " } ?? "") + problem,
                remedy: remedy(for: problem))
        case .duplicatedKeysInMapping(let duplicates, let context):
            report(duplicate: duplicates.first ?? "", first: context.mark, in: text)
        case .reader(let problem, _, _, _):
            let (line, column) = firstControlCharacter(in: text)
            report(
                line: line, column: column, "the file is not valid YAML: \(problem)",
                remedy: "remove the characters that are not text")
        default:
            report(at: nil, "the file is not valid YAML: \(error)", remedy: "see docs/manifest.md for the format")
        }
    }

    /// Returns the place of the first control character, because the position that YAML's reader reports is wrong if
    /// the text is not ASCII.
    private func firstControlCharacter(in text: String) -> (line: Int, column: Int) {
        var (line, column) = (1, 1)
        for scalar in text.unicodeScalars {
            if scalar == "\n" {
                (line, column) = (line + 1, 1)
                continue
            }
            if scalar.properties.generalCategory == .control, scalar != "\t", scalar != "\r" { break }
            column += 1
        }
        return (line, column)
    }

    private func remedy(for problem: String) -> String {
        if problem.contains("cannot start any token") {
            return "indent with spaces, not with tabs, and put text with special characters in quotes"
        }
        if problem.contains("expected a single document") || problem.contains("document") {
            return "keep one document in the file: remove the text behind '---'"
        }
        if problem.contains("alias") { return "define the anchor before it is used" }
        return "check indentation, colons, quotes and brackets here and in the line above"
    }

    /// Reports a repeated key. Yams gives the place of the first one, but the user needs that of the second.
    private func report(duplicate key: String, first: Mark, in text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let spellings = [key, "'\(key)'", "\"\(key)\""].map { $0 + ":" }
        let again = lines.indices.dropFirst(first.line).first { index in
            let line = lines[index].drop { $0 == " " }
            return lines[index].count - line.count == first.column - 1 && spellings.contains { line.hasPrefix($0) }
        }
        report(
            line: again.map { $0 + 1 } ?? first.line, column: first.column,
            again == nil
                ? "this mapping has the key '\(key)' twice" : "the key '\(key)' is already in line \(first.line)",
            remedy: "rename or remove one of them")
    }
}
