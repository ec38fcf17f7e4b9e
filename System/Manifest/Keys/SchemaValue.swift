/// A JSON value whose members keep their order, for the manifest's schema.
indirect enum SchemaValue: Sendable {
    case object([(String, SchemaValue)])
    case array([SchemaValue])
    case text(String)
    case number(UInt64)
    case bool(Bool)

    /// Returns the rule that all of these keys are present.
    static func requires(_ keys: String...) -> SchemaValue {
        .object([("required", .array(keys.map(SchemaValue.text)))])
    }

    /// Returns the rule that a key is present.
    static func requires(_ key: String) -> SchemaValue { .object([("required", .array([.text(key)]))]) }

    static func reference(_ name: String) -> SchemaValue { .object([("$ref", .text("#/$defs/\(name)"))]) }

    private static let width = 120

    /// Returns the text, with each object and array on one line if it fits there.
    ///
    /// - Parameters:
    ///   - indentation: the indentation of the line on which the value begins.
    ///   - column: the column in which the value begins.
    func text(indentation: Int = 0, column: Int = 0) -> String {
        let line = oneLine
        let isPart = if case .object(let members) = self { members.contains { $0.0 == "properties" } } else { false }
        // A comma follows, so the line must be one column shorter.
        if !isPart, column + line.count < Self.width { return line }
        let inner = String(repeating: " ", count: indentation + 2)
        let outer = String(repeating: " ", count: indentation)
        switch self {
        case .object(let members):
            let lines = members.map { key, value in
                let name = "\(inner)\(Self.quoted(key)): "
                return name + value.text(indentation: indentation + 2, column: name.count)
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(outer)}"
        case .array(let elements):
            let lines = elements.map { inner + $0.text(indentation: indentation + 2, column: indentation + 2) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(outer)]"
        case .text, .number, .bool: return line
        }
    }

    private var oneLine: String {
        switch self {
        case .object(let members):
            members.isEmpty
                ? "{}" : "{ " + members.map { "\(Self.quoted($0)): \($1.oneLine)" }.joined(separator: ", ") + " }"
        case .array(let elements): "[" + elements.map(\.oneLine).joined(separator: ", ") + "]"
        case .text(let text): Self.quoted(text)
        case .number(let number): "\(number)"
        case .bool(let value): "\(value)"
        }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
