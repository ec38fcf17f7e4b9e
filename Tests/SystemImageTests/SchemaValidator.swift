import Foundation
import Yams

/// A validator for the part of JSON Schema 2020-12 that the manifest's schema uses. It reports an unknown keyword, so
/// that the schema cannot demand a condition that no test checks.
struct SchemaValidator {
    let root: [String: Any]

    private static let annotations: Set<String> = ["$schema", "$defs", "title", "description", "default"]

    /// Returns the places and keywords that `yaml` violates.
    func errors(in yaml: String) throws -> [String] {
        try errors(Yams.compose(yaml: yaml).map(Self.value) ?? NSNull(), root, at: "")
    }

    /// Returns text, truth values and null unchanged, and all numbers as `Double`.
    private static func value(_ node: Node) -> Any {
        switch node {
        case .mapping(let mapping):
            return [String: Any](mapping.map { ($0.string ?? "", value($1)) }, uniquingKeysWith: { first, _ in first })
        case .sequence(let sequence): return sequence.map(value)
        case .scalar(let scalar) where node.tag == Tag(.int):
            return UInt64.construct(from: scalar).map { Double($0) } ?? Int.construct(from: scalar).map { Double($0) }
                ?? .nan
        default: return node.float ?? node.any
        }
    }

    private func errors(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        schema.keys.sorted().flatMap { keyword -> [String] in
            guard !Self.annotations.contains(keyword), let rule = schema[keyword] else { return [] }
            return check(keyword, rule, value, schema, path)
        }
    }

    private func check(
        _ keyword: String, _ rule: Any, _ value: Any, _ schema: [String: Any], _ path: String
    ) -> [String] {
        let object = value as? [String: Any]
        let failed = ["\(path)/\(keyword)"]
        func verdict(_ holds: Bool) -> [String] { holds ? [] : failed }
        func passes(_ subschema: Any) -> Bool { errors(value, subschema as? [String: Any] ?? [:], at: path).isEmpty }
        switch keyword {
        case "$ref": return errors(value, definition(rule as? String ?? ""), at: path)
        case "type":
            let types = rule as? [String] ?? [rule as? String ?? ""]
            return verdict(types.contains(Self.type(of: value)))
        case "enum": return verdict((rule as? [String] ?? []).contains(value as? String ?? "\0"))
        case "pattern":
            guard let text = value as? String else { return [] }
            return verdict(text.range(of: rule as? String ?? "", options: .regularExpression) != nil)
        case "minLength": return verdict(Double((value as? String)?.count ?? .max) >= Self.number(rule))
        case "maxLength": return verdict(Double((value as? String)?.count ?? 0) <= Self.number(rule))
        case "maxItems": return verdict(Double((value as? [Any])?.count ?? 0) <= Self.number(rule))
        case "minItems": return verdict(Double((value as? [Any])?.count ?? .max) >= Self.number(rule))
        case "uniqueItems":
            let texts = (value as? [Any] ?? []).map { "\($0)" }
            return verdict(rule as? Bool != true || Set(texts).count == texts.count)
        case "maxProperties": return verdict(Double(object?.count ?? 0) <= Self.number(rule))
        case "minimum": return verdict((value as? Double).map { $0 >= Self.number(rule) } ?? true)
        case "maximum": return verdict((value as? Double).map { $0 <= Self.number(rule) } ?? true)
        case "required": return verdict((rule as? [String] ?? []).allSatisfy { object?[$0] != nil })
        case "dependentRequired":
            let rules = rule as? [String: [String]] ?? [:]
            return verdict(
                rules.allSatisfy { key, needed in
                    object?[key] == nil || needed.allSatisfy { object?[$0] != nil }
                })
        case "not": return verdict(!passes(rule))
        case "anyOf": return verdict((rule as? [Any] ?? []).contains(where: passes))
        case "oneOf": return verdict((rule as? [Any] ?? []).filter(passes).count == 1)
        case "items":
            return (value as? [Any] ?? []).flatMap { errors($0, rule as? [String: Any] ?? [:], at: path + "/items") }
        case "propertyNames":
            return (object ?? [:]).keys.flatMap { errors($0, rule as? [String: Any] ?? [:], at: path + "/" + $0) }
        case "properties":
            let rules = rule as? [String: [String: Any]] ?? [:]
            return (object ?? [:]).flatMap { key, value in errors(value, rules[key] ?? [:], at: path + "/" + key) }
        case "additionalProperties":
            let known = (schema["properties"] as? [String: Any] ?? [:]).keys
            let others = (object ?? [:]).filter { !known.contains($0.key) }
            guard let rule = rule as? [String: Any] else { return verdict(others.isEmpty) }
            return others.flatMap { key, value in errors(value, rule, at: path + "/" + key) }
        default: return ["\(path): the keyword '\(keyword)' is not known"]
        }
    }

    private func definition(_ reference: String) -> [String: Any] {
        let definitions = root["$defs"] as? [String: Any]
        return definitions?[reference.replacingOccurrences(of: "#/$defs/", with: "")] as? [String: Any]
            ?? ["no such definition": true]
    }

    private static func number(_ rule: Any) -> Double { (rule as? NSNumber)?.doubleValue ?? .nan }

    private static func type(of value: Any) -> String {
        switch value {
        case is NSNull: return "null"
        case is String: return "string"
        case is [Any]: return "array"
        case is [String: Any]: return "object"
        case let number as Double: return number == number.rounded() ? "integer" : "number"
        default: return "boolean"
        }
    }
}
