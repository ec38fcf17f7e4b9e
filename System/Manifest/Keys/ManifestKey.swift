import ABI

/// A key that a manifest may hold. It is the only description of the key: the parser takes names, ranges and defaults
/// from it, and `./entente generate` makes the schema and the tables of docs/manifest.md from it.
struct ManifestKey: Sendable {
    /// A kind of value that may follow a key.
    indirect enum Kind: Sendable {
        /// The name of the system.
        case name
        /// The name of a machine, a component, a group or a shared memory.
        case tenantName
        case text(maximumBytes: Int? = nil, default: String? = nil)
        case number(ClosedRange<Int>, default: Int? = nil)
        /// A whole number of 64 bits.
        case word
        /// A number of bytes.
        case size(ClosedRange<UInt64>, multipleOf: UInt64, default: UInt64? = nil)
        /// A number of nanoseconds, written with the unit ns, us, ms or s.
        case duration(ClosedRange<UInt64>)
        /// A time of supervision, written with the unit ms, s or min.
        case time
        case choice([String], default: String? = nil)
        /// A truth value.
        case flag(default: Bool)
        /// A name that a program has for something, which may hold any characters.
        case alias
        case file
        /// A file that need not exist.
        case newFile
        case folder
        /// A program, written as `{target: NAME}`.
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
    /// The description: one sentence without its full stop, in Markdown. `{range}` stands for the values that `kind`
    /// allows. Without it they follow the sentence.
    var text: String
    /// The further columns of the table, or nil for the default of `kind`.
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
    /// The name of the part among the definitions of the schema, and in docs/manifest.md.
    var name: String
    var keys: [ManifestKey]
    /// The titles of the table's columns behind `key` and `value`.
    var columns = ["default"]
    /// True if everything in the part has a default, so that nothing may follow the colon.
    var mayBeEmpty = true
    /// The rules of the schema about several keys together.
    var rules: [(keyword: String, value: SchemaValue)] = []

    var names: [String] { keys.map(\.name) }

    /// Returns the key of a name.
    ///
    /// - Precondition: the part has the key.
    subscript(name: String) -> ManifestKey {
        guard let key = keys.first(where: { $0.name == name }) else {
            preconditionFailure("ManifestPart.\(self.name) has no key '\(name)'")
        }
        return key
    }
}
