// The records between the tool and the program `Workshop/Mutator`, which is compiled with this file.

/// The sources of which mutants are wanted.
struct MutationRequest: Codable {
    struct File: Codable {
        /// The path below the project's root, which names the file in reports.
        var path: String
        var input: String
        var output: String
    }

    /// A mutant that somebody wrote by hand: in the body of a function, `old` becomes `new`.
    struct Variant: Codable {
        var file: String
        var function: String
        var old: String
        var new: String
        var key: String
    }

    var files: [File]
    /// False: only the list of mutants is wanted.
    var isWriting: Bool
    var variants: [Variant]
    /// The keys of the mutants that are wanted; nil: all of them. Variants are made in any case.
    var wanted: [String]?
    /// The keys of the mutants that do not compile.
    var unwanted: [String]
}

/// One small fault in the project's sources.
struct Mutant: Codable, Equatable {
    /// Names it: file, function and change. The same as long as the function's text is the same.
    var key: String
    /// The number that brings it to life: `ENTENTE_MUTANT`.
    var number: Int
    /// The number of its function, for `TestReach`.
    var functionNumber: Int
    /// The path below the project's root.
    var file: String
    var function: String
    var line: Int
    var change: String
    /// The lines of the mutated file on which it stands, from 1.
    var firstLine: Int
    var lastLine: Int
}
