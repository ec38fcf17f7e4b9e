import Foundation

/// Shows a plan to people and programs as entries with named values. Their order does not depend on the order in
/// which the plan was made.
///
/// It leaves out root's slots and places in the image, because these change without a reason that matters to a
/// reader.
public struct PlanDocument: Equatable, Sendable {
    /// The version of the format. It rises if a key changes its meaning or disappears.
    public static let version: UInt64 = 1
    /// The name of the format in a JSON file.
    static let schema = "entente-plan"

    public var system: String
    /// The entries in the order of `Part`.
    var parts: [Part: [Entry]] = [:]

    enum Part: String, CaseIterable, Sendable {
        case board, tenants, groups, traps, resources, nodes, edges
    }

    /// An entry for one tenant, node, edge or the like.
    struct Entry: Equatable, Sendable {
        var values: [String: Value]
    }

    /// A value. Numbers of bytes and other numbers differ only by their key.
    enum Value: Hashable, Sendable {
        case text(String)
        case number(UInt64)

        static func hex(_ number: UInt64) -> Value { .text("0x" + String(number, radix: 16)) }
    }

    init(system: String) { self.system = system }

    mutating func add(_ values: [String: Value?], to part: Part) {
        parts[part, default: []].append(Entry(values: values.compactMapValues(\.self)))
    }

    /// Sorts the entries.
    mutating func sort() {
        for part in Part.allCases {
            // A text is made once for each entry, because it costs more than all comparisons of the entry.
            parts[part] = parts[part]?.map { ($0.text, $0) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

extension PlanDocument {
    /// The keys in the order in which an entry shows them. The first key of an entry names its subject.
    static let keys = [
        "tenant", "owner", "feature", "kind", "name", "object", "peer", "lasts", "cores", "core", "priority", "budget",
        "period", "slots", "tables", "doorbells", "interrupt", "size", "alignment", "cleared", "space", "table", "slot",
        "thread",
        "memory", "notification", "virtual-cpu", "handler", "handler-badge", "time", "rights", "badge", "bits",
        "value", "width", "address",
        "offset", "number", "detail", "first", "values", "at-death", "members", "restart", "group", "on-failure",
        "immediate", "text",
    ]
    /// The keys whose numbers are bytes.
    static let byteKeys: Set<String> = ["size", "alignment", "offset"]
}

extension PlanDocument.Entry {
    /// The values as `KEY=VALUE`, on one line.
    var text: String {
        PlanDocument.keys.compactMap { key in
            switch values[key] {
            case nil: nil
            case .text(let text): "\(key)=\(text)"
            case .number(let number):
                PlanDocument.byteKeys.contains(key) ? "\(key)=\(ByteSize(bytes: number))" : "\(key)=\(number)"
            }
        }.joined(separator: " ")
    }
}

extension PlanDocument: CustomStringConvertible {
    /// The lines of each part. `difference(from:)` compares them.
    var sections: [(title: String, lines: [String])] {
        Part.allCases.flatMap { part -> [(String, [String])] in
            let entries = parts[part] ?? []
            guard part == .edges else { return [(part.rawValue, entries.map(\.text))] }
            let owners = Dictionary(grouping: entries) { $0.values["owner"] ?? .text("") }
            return owners.map { owner, entries in
                guard case .text(let name) = owner else { return ("edges", entries.map(\.text)) }
                return ("edges of \(name)", entries.map { $0.withoutOwner.text })
            }.sorted { $0.0 < $1.0 }
        }.filter { !$0.1.isEmpty }
    }

    public var description: String {
        ([Self.title(system)]
            + sections.map { section in
                ([section.title + ":"] + section.lines.map { "  " + $0 }).joined(separator: "\n")
            }).joined(separator: "\n\n") + "\n"
    }

    static func title(_ system: String) -> String { "plan of '\(system)', version \(version)" }
}

extension PlanDocument.Entry {
    fileprivate var withoutOwner: PlanDocument.Entry {
        var entry = self
        entry.values["owner"] = nil
        return entry
    }
}
