import Foundation

/// Writes the tables of docs/manifest.md from `ManifestPart.all`.
///
/// A table stands between the lines `<!-- keys of PART -->` and `<!-- end -->`.
public enum ManifestTables {
    /// Returns the document with its tables written anew.
    ///
    /// Returns the document with new tables.
    public static func updated(_ document: String) throws(Failure) -> String {
        var lines: [Substring] = []
        var rest = document.split(separator: "\n", omittingEmptySubsequences: false)[...]
        while let line = rest.popFirst() {
            lines.append(line)
            guard let name = line.wholeMatch(of: /<!-- keys of (\w+) -->/)?.1 else { continue }
            guard let part = ManifestPart.all.first(where: { $0.name == name }),
                let end = rest.firstIndex(of: "<!-- end -->")
            else {
                throw Failure(
                    "docs/manifest.md has the line '\(line)', which begins no table",
                    remedy: "name a part of ManifestPart.all, and end the table with '<!-- end -->'")
            }
            lines += table(of: part).map { $0[...] }
            rest = rest[end...]
        }
        return lines.joined(separator: "\n")
    }

    static func table(of part: ManifestPart) -> [String] {
        let titles = ["key", "value"] + part.columns
        return [titles, titles.map { _ in "---" }].map(row)
            + part.keys.map { key in
                let columns = key.columns ?? part.columns.map { _ in key.kind.defaultText ?? "" }
                return row(["`\(key.name)`", key.cell] + columns)
            }
    }

    private static func row(_ cells: [String]) -> String {
        "|" + cells.map { $0.isEmpty ? " |" : " \($0) |" }.joined()
    }
}

extension ManifestKey {
    /// The description with the allowed values, in Markdown.
    var cell: String {
        let range = kind.rangeText ?? ""
        if text.contains("{range}") { return text.replacing("{range}", with: range) }
        // A choice whose text explains each value does not need the list.
        if case .choice = kind { return text }
        return range.isEmpty || text.contains(range) ? text : "\(text), \(range)"
    }

    /// The same as a sentence without marks.
    var sentence: String {
        let plain = cell.replacing("`", with: "").replacing(/\[([^\]]*)\]\([^)]*\)/) { String($0.1) }
        let begin = cell.hasPrefix("`") ? String(plain.prefix(1)) : plain.prefix(1).uppercased()
        return begin + plain.dropFirst() + "."
    }
}

extension ManifestKey.Kind {
    /// The allowed values, in words and in Markdown, or nil if that would say nothing.
    var rangeText: String? {
        switch self {
        case .text(let maximum, _): maximum.map { "at most \($0) bytes" }
        case .number(let range, _): "\(range.lowerBound) to \(range.upperBound)"
        case .size(let range, let granule, _):
            (range.lowerBound == 0 ? "up to " : "\(ByteSize(bytes: range.lowerBound)) to ")
                + "\(ByteSize(bytes: range.upperBound)), a multiple of \(ByteSize(bytes: granule))"
        case .duration(let range):
            "\(TimeSpan(nanoseconds: range.lowerBound)) to \(TimeSpan(nanoseconds: range.upperBound))"
        case .choice(let choices, _): Self.alternatives(choices.map { "`\($0)`" })
        case .mapping(_, _, let maximum): maximum.map { "up to \($0)" }
        default: nil
        }
    }

    /// The default in Markdown.
    var defaultText: String? {
        switch self {
        case .number(_, let standard): standard.map { "\($0)" }
        case .size(_, _, let standard): standard.map { $0 == 0 ? "0" : "`\(ByteSize(bytes: $0))`" }
        case .flag(let standard): "`\(standard)`"
        case .text(_, let standard), .choice(_, let standard), .program(let standard): standard.map { "`\($0)`" }
        default: nil
        }
    }

    private static func alternatives(_ words: [String]) -> String {
        guard let last = words.last, words.count > 1 else { return words.first ?? "" }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }
}
