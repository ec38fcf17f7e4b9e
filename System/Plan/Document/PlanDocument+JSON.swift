import Foundation

// The document as JSON, and back. docs/manifest.md describes the format.
extension PlanDocument {
    /// Returns the document. The keys of each object are in alphabetical order, so that equal plans give equal bytes.
    public func json() throws -> Data {
        var root: [String: Any] = ["schema": Self.schema, "version": Self.version, "system": system]
        for part in Part.allCases { root[part.rawValue] = (parts[part] ?? []).map(\.object) }
        var data = try JSONSerialization.data(
            withJSONObject: root, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        data.append(0x0A)
        return data
    }

    /// Reads the result of `json`.
    ///
    /// - Throws: `Failure` if `data` is nothing of the kind, or was written by a tool of another version.
    public init(json data: Data) throws(Failure) {
        guard let object = try? JSONSerialization.jsonObject(with: data), let root = object as? [String: Any],
            root["schema"] as? String == Self.schema, let system = root["system"] as? String
        else {
            throw Failure("the file is no plan in JSON", remedy: "name one that './entente plan --json' has written")
        }
        guard let version = root["version"] as? UInt64, version == Self.version else {
            throw Failure(
                "the plan has another version than \(Self.version), which this tool writes",
                remedy: "write it again with './entente plan --json'")
        }
        self.init(system: system)
        for part in Part.allCases {
            for entry in root[part.rawValue] as? [[String: Any]] ?? [] {
                add(
                    entry.mapValues { value in
                        (value as? String).map { .text($0) } ?? (value as? UInt64).map { .number($0) }
                    }, to: part)
            }
        }
        sort()
    }
}

extension PlanDocument.Entry {
    fileprivate var object: [String: Any] {
        values.mapValues { value -> Any in
            switch value {
            case .text(let text): text
            case .number(let number): number
            }
        }
    }
}
