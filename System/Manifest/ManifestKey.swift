import ABI

/// A key that a manifest may hold: the one description of which the parser takes names, ranges and defaults, and of
/// which `./entente generate` makes the schema and the tables of docs/manifest.md.
struct ManifestKey: Sendable {
    /// The kind of value that may stand behind a key.
    indirect enum Kind: Sendable {
        /// The name of the system.
        case name
        /// The name of a machine, a component, a group or a shared memory.
        case tenantName
        case text(maximumBytes: Int? = nil, default: String? = nil)
        case number(ClosedRange<Int>, default: Int? = nil)
        /// A whole number of 64 bits.
        case word
        /// Bytes.
        case size(ClosedRange<UInt64>, multipleOf: UInt64, default: UInt64? = nil)
        /// Nanoseconds, written with the unit ns, us, ms or s.
        case duration(ClosedRange<UInt64>)
        /// A time of supervision, written with the unit ms, s or min.
        case time
        case choice([String], default: String? = nil)
        /// A truth value.
        case flag(default: Bool)
        /// A name that a program has for something, which may hold any characters.
        case alias
        case file
        case folder
        /// `{target: NAME}`.
        case program(default: String? = nil)
        /// The name of a program of this repository.
        case target
        case list(of: Kind, counts: ClosedRange<Int>? = nil, isUnique: Bool = false)
        /// A mapping from names.
        case mapping(from: Kind = .tenantName, to: Kind, maximum: Int? = nil)
        /// A mapping whose keys the part of this name lists.
        case part(String)
        case either(Kind, Kind)
    }

    var name: String
    var kind: Kind
    /// One sentence without its full stop, in Markdown. `{range}` stands for the values that `kind` allows; without it
    /// they stand at the end.
    var text: String
    /// The further columns of the table. Nil: the default that `kind` has.
    var columns: [String]?

    init(_ name: String, _ kind: Kind, _ text: String, columns: [String]? = nil) {
        self.name = name
        self.kind = kind
        self.text = text
        self.columns = columns
    }
}

/// A mapping of the manifest whose keys are known.
struct ManifestPart: Sendable {
    /// Names it among the definitions of the schema, and in docs/manifest.md.
    var name: String
    var keys: [ManifestKey]
    /// The titles of the table's columns behind `key` and `value`.
    var columns = ["default"]
    /// Whether everything in it has a default, so that nothing may stand behind the colon.
    var mayBeEmpty = true
    /// The rules of the schema about several keys together.
    var rules: [(keyword: String, value: SchemaValue)] = []

    var names: [String] { keys.map(\.name) }

    /// - Precondition: The part has the key.
    subscript(name: String) -> ManifestKey {
        guard let key = keys.first(where: { $0.name == name }) else {
            preconditionFailure("ManifestPart.\(self.name) has no key '\(name)'")
        }
        return key
    }
}
