import Foundation
import SystemImage
import Yams
import Tool

/// The mutants that change nothing that matters, with the reasons (`Tests/Mutants/equivalent*.yaml`).
struct EquivalentMutants {
    struct Entry: Codable {
        var file: String
        /// The function with its types and labels, as the report prints it.
        var `in`: String
        var change: String
        var because: String

        var key: String { "\(file) \(`in`): \(change)" }
    }

    let entries: [Entry]

    init(in folder: URL) throws {
        entries = try MutantLists.files("equivalent", in: folder).flatMap { try MutantLists.read([Entry].self, $0) }
        for entry in entries where entry.because.count < 10 {
            throw Failure("\(folder.path): this mutant has no reason: \(entry.key)")
        }
    }

    var keys: Set<String> { Set(entries.map(\.key)) }
}

/// The mutants that a person wrote, each with the tests that must notice it (`Tests/Mutants/variants*.yaml`).
struct MutantVariants {
    struct Entry: Codable {
        var file: String
        /// The function's name: alone, with its types, or with its labels.
        var `in`: String
        var old: String
        var new: String
        var because: String
        /// A regular expression over the names of the tests.
        var tests: String

        var key: String { "variant \(file) \(`in`): \(old) -> \(new), for \(tests)" }
    }

    let entries: [Entry]

    init(in folder: URL) throws {
        let read = try MutantLists.files("variants", in: folder).flatMap { try MutantLists.read([Entry].self, $0) }
        entries = read.map { entry in
            var entry = entry
            entry.old = entry.old.trimmingCharacters(in: .whitespacesAndNewlines)
            return entry
        }
        let repeated = Dictionary(grouping: entries, by: \.key).first { $0.value.count > 1 }
        if let repeated { throw Failure("\(folder.path): this variant occurs twice: \(repeated.key)") }
        // No test has a name with white space, so that such an expression would find none.
        if let list = entries.first(where: { $0.tests.contains(where: \.isWhitespace) }) {
            throw Failure(
                "\(folder.path): the tests of a variant are no regular expression over their names: \(list.tests)",
                remedy: "write several as (FirstTests|SecondTests)")
        }
    }
}

enum MutantLists {
    /// Returns the lists of one kind, in the order of their names.
    static func files(_ kind: String, in folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasPrefix(kind) && $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
    }

    static func read<Value: Decodable>(_ type: Value.Type, _ url: URL) throws -> Value {
        do {
            return try YAMLDecoder().decode(type, from: try String(contentsOf: url, encoding: .utf8))
        } catch {
            throw Failure("\(url.path): \(error)")
        }
    }
}
