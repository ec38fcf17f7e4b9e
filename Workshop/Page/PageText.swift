import Foundation
import SystemImage

/// A text of the debate, divided into lines of Markdown and directives.
///
/// A directive stands in double braces: alone on its line it becomes a table, a list or a plot, and within a line a
/// figure. `Benchmarks/debate/README.md` describes all of them.
struct PageText {
    enum Part: Equatable {
        /// Lines of Markdown, which may have figures in them.
        case markdown(String)
        /// A directive on a line of its own: its words.
        case directive([String])
    }

    let parts: [Part]
    /// The titles for names of figures, from the lines `{{label NAME TITLE}}`.
    let labels: PageLabels

    init(_ text: String) {
        var parts: [Part] = []
        var lines: [Substring] = []
        var labels = PageLabels()
        func end() {
            let markdown = lines.joined(separator: "\n")
            if !markdown.allSatisfy(\.isWhitespace) { parts.append(.markdown(markdown)) }
            lines = []
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard let words = Self.directive(line), !Self.inline.contains(words[0]) else {
                lines.append(line)
                continue
            }
            if words[0] == "label", words.count > 2 {
                labels.add(words.dropFirst(2).joined(separator: " "), for: words[1])
                continue
            }
            end()
            parts.append(.directive(words))
        }
        end()
        (self.parts, self.labels) = (parts, labels)
    }

    /// The directives that become a part of a line, also if they are alone on it.
    private static let inline: Set = ["value", "ratio", "spread"]

    /// Returns the words of a line that is nothing but a directive.
    private static func directive(_ line: Substring) -> [String]? {
        guard line.hasPrefix("{{"), line.hasSuffix("}}"), line.firstRange(of: "}}")?.upperBound == line.endIndex
        else { return nil }
        let words = line.dropFirst(2).dropLast(2).split(separator: " ").map(String.init)
        return words.isEmpty ? nil : words
    }

    /// Returns Markdown in which `replace` has been asked for each directive within a line.
    static func filling(_ markdown: String, _ replace: ([String]) throws -> String) throws -> String {
        var (filled, rest) = ("", markdown[...])
        while let start = rest.firstRange(of: "{{") {
            guard let end = rest[start.upperBound...].firstRange(of: "}}") else { break }
            let words = rest[start.upperBound..<end.lowerBound].split(whereSeparator: \.isWhitespace).map(String.init)
            filled += rest[..<start.lowerBound]
            filled += try replace(words)
            rest = rest[end.upperBound...]
        }
        return filled + rest
    }
}
