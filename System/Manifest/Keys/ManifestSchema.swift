import ABI

/// Writes the JSON Schema (2020-12) of the manifest from `ManifestPart.all`.
public enum ManifestSchema {
    /// The contents of `Schemas/manifest.schema.json`.
    public static var text: String {
        let parts = ManifestPart.all.filter { $0.name != ManifestPart.system.name }
        var members: [(String, SchemaValue)] = [
            ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            ("title", .text("Entente system manifest")),
            (
                "description",
                .text("One system: the board, the machines and the components. docs/manifest.md explains each key.")
            ),
        ]
        members += self.members(of: ManifestPart.system)
        members.append(("$defs", .object(values + parts.map { ($0.name, definition(of: $0)) })))
        return SchemaValue.object(members).text() + "\n"
    }

    /// The definitions of values that several keys share.
    private static let values: [(String, SchemaValue)] = [
        (
            "name",
            .object([
                ("type", .text("string")), ("pattern", .text("^[A-Za-z][A-Za-z0-9_-]*$")),
                ("maxLength", .number(UInt64(TenantDescription.maximumName))),
            ])
        ),
        (
            "tenantName",
            .object([
                ("$ref", .text("#/$defs/name")),
                ("not", .object([("enum", .array(TenantDescription.reservedNames.map(SchemaValue.text)))])),
            ])
        ),
        (
            "bytes",
            .object([
                ("description", .text("A number of bytes, with the unit KiB, MiB or GiB or without.")),
                (
                    "anyOf",
                    .array([
                        .object([("type", .text("integer")), ("minimum", .number(0))]),
                        .object([("type", .text("string")), ("pattern", .text("^[0-9]+ *(KiB|MiB|GiB)$"))]),
                    ])
                ),
            ])
        ),
        ("duration", spanOfTime("A length of time with its unit.", units: "ns|us|ms|s")),
        ("time", spanOfTime("A number with the unit ms, s or min.", units: "ms|s|min")),
        (
            "path",
            .object([
                ("description", .text("A path, relative to the manifest's folder.")), ("type", .text("string")),
                ("minLength", .number(1)),
            ])
        ),
        (
            "targetName",
            .object([
                ("description", .text("The name of a program of this repository.")), ("type", .text("string")),
                ("pattern", .text("^[A-Za-z][A-Za-z0-9_]*$")),
            ])
        ),
    ]

    private static func spanOfTime(_ description: String, units: String) -> SchemaValue {
        .object([
            ("description", .text(description)), ("type", .text("string")), ("pattern", .text("^[0-9]+ *(\(units))$")),
        ])
    }

    /// Returns the definition of a mapping whose keys are known.
    static func definition(of part: ManifestPart) -> SchemaValue { .object(members(of: part)) }

    private static func members(of part: ManifestPart) -> [(String, SchemaValue)] {
        [
            ("type", part.mayBeEmpty && part.name != ManifestPart.system.name ? nullable : .text("object")),
            ("additionalProperties", .bool(false)),
        ] + part.rules.map { ($0.keyword, $0.value) } + [
            ("properties", .object(part.keys.map { ($0.name, property($0)) }))
        ]
    }

    private static let nullable = SchemaValue.array([.text("object"), .text("null")])

    private static func property(_ key: ManifestKey) -> SchemaValue {
        var members = [("description", SchemaValue.text(key.sentence))] + schema(of: key.kind)
        if let standard = key.kind.defaultValue { members.append(("default", standard)) }
        return .object(members)
    }

    private static func schema(of kind: ManifestKey.Kind) -> [(String, SchemaValue)] {
        func reference(_ name: String) -> [(String, SchemaValue)] { [("$ref", .text("#/$defs/\(name)"))] }
        switch kind {
        case .name: return reference("name")
        case .tenantName: return reference("tenantName")
        case .text(let maximum, _):
            return [("type", .text("string"))] + (maximum.map { [("maxLength", .number(UInt64($0)))] } ?? [])
        case .number(let range, _):
            return [
                ("type", .text("integer")), ("minimum", .number(UInt64(range.lowerBound))),
                ("maximum", .number(UInt64(range.upperBound))),
            ]
        case .word: return [("type", .text("integer")), ("minimum", .number(0)), ("maximum", .number(.max))]
        case .size: return reference("bytes")
        case .duration: return reference("duration")
        case .time: return reference("time")
        case .flag: return [("type", .text("boolean"))]
        case .alias:
            return [
                ("type", .text("string")), ("minLength", .number(1)),
                ("maxLength", .number(UInt64(TenantDescription.maximumName))),
            ]
        case .choice(let choices, _): return [("enum", .array(choices.map(SchemaValue.text)))]
        case .file, .newFile, .folder: return reference("path")
        case .program: return reference("program")
        case .target: return reference("targetName")
        case .part(let name): return reference(name)
        case .list(let element, let counts, let isUnique):
            var members: [(String, SchemaValue)] = [("type", .text("array")), ("items", .object(schema(of: element)))]
            if let counts, counts.lowerBound > 0 { members.append(("minItems", .number(UInt64(counts.lowerBound)))) }
            if let counts, counts.upperBound < .max { members.append(("maxItems", .number(UInt64(counts.upperBound)))) }
            return members + (isUnique ? [("uniqueItems", .bool(true))] : [])
        case .mapping(let name, let element, let maximum):
            return [
                ("type", nullable), ("propertyNames", .object(schema(of: name))),
                ("additionalProperties", .object(schema(of: element))),
            ] + (maximum.map { [("maxProperties", .number(UInt64($0)))] } ?? [])
        case .either(let one, let other):
            return [("anyOf", .array([.object(schema(of: one)), .object(schema(of: other))]))]
        }
    }
}

extension ManifestKey.Kind {
    /// The default as the schema has it, or nil if there is none or another key decides it.
    fileprivate var defaultValue: SchemaValue? {
        switch self {
        case .number(_, let standard): standard.map { .number(UInt64($0)) }
        case .size(_, _, let standard): standard.map { $0 == 0 ? .number(0) : .text(ByteSize(bytes: $0).description) }
        case .text(_, let standard), .choice(_, let standard): standard.map(SchemaValue.text)
        case .flag(let standard): .bool(standard)
        case .either(let one, _): one.defaultValue
        default: nil
        }
    }
}
