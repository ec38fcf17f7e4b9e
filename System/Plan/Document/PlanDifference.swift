import Foundation

/// The lines that only one of two plans has, section by section.
public struct PlanDifference: CustomStringConvertible, Sendable {
    struct Section: Sendable {
        var title: String
        var removed: [String]
        var added: [String]
    }

    let sections: [Section]

    public var isEmpty: Bool { sections.isEmpty }

    public init(from old: PlanDocument, to new: PlanDocument) { self.init(from: old.sections, to: new.sections) }

    /// Compares a plan's text with another plan.
    ///
    /// - Parameter text: a text of `PlanDocument.description`.
    /// - Throws: `Failure` if `text` is no such text.
    public init(fromText text: String, to new: PlanDocument) throws(Failure) {
        self.init(from: try Self.sections(of: text), to: new.sections)
    }

    private init(from old: [(title: String, lines: [String])], to new: [(title: String, lines: [String])]) {
        let titles = new.map(\.title) + old.map(\.title).filter { title in !new.contains { $0.title == title } }
        sections = titles.compactMap { title in
            let removed = old.first { $0.title == title }?.lines ?? []
            let added = new.first { $0.title == title }?.lines ?? []
            let section = Section(title: title, removed: removed.without(added), added: added.without(removed))
            return section.removed.isEmpty && section.added.isEmpty ? nil : section
        }
    }

    private static func sections(of text: String) throws(Failure) -> [(title: String, lines: [String])] {
        let lines = text.split(separator: "\n").map(String.init)
        guard let first = lines.first, first.hasPrefix("plan of '"), first.hasSuffix("version \(PlanDocument.version)")
        else {
            throw Failure(
                "the file is no plan of version \(PlanDocument.version)",
                remedy: "name a manifest, or a file that './entente plan' has written")
        }
        var sections: [(title: String, lines: [String])] = []
        for line in lines.dropFirst() {
            if line.hasPrefix("  ") {
                guard !sections.isEmpty else { continue }
                sections[sections.count - 1].lines.append(String(line.dropFirst(2)))
            } else if line.hasSuffix(":") {
                sections.append((String(line.dropLast()), []))
            }
        }
        return sections
    }

    /// A line with `-` or `+` for each difference, below the section's title.
    public var description: String {
        sections.map { section in
            ([section.title + ":"] + section.removed.map { "- " + $0 } + section.added.map { "+ " + $0 })
                .joined(separator: "\n")
        }.joined(separator: "\n\n") + (isEmpty ? "" : "\n")
    }
}

extension [String] {
    /// Returns the lines that `other` does not have, or has less often.
    fileprivate func without(_ other: [String]) -> [String] {
        var counts = Dictionary(other.map { ($0, 1) }, uniquingKeysWith: +)
        return filter { line in
            guard let count = counts[line], count > 0 else { return true }
            counts[line] = count - 1
            return false
        }
    }
}
