// Makes mutants of source files: copies of each function's body with one small fault each, one of which can be
// activated while the program runs. `./entente test --mutants` compiles this program with the modules for parsing Swift
// that lie beside the compiler, and calls it. Tests/Mutants/README.md describes the lists.
//
//     mutator REQUEST.json RESULT.json
//
// REQUEST holds a `Request`, and RESULT holds a list of `Mutant`.
import Foundation

struct Request: Codable {
    struct File: Codable {
        /// The path below the project, which names the file in reports.
        var path: String
        var input: String
        var output: String
    }

    var files: [File]
    /// False if the caller only wants the list of mutants.
    var isWriting: Bool
    var variants: [Variant]
    /// The keys of the mutants to make; nil for all of them. Variants are made in any case.
    var wanted: [String]?
    /// The keys of the mutants that do not compile.
    var unwanted: [String]
}

/// A mutant that a person wrote: in the body of a function, `old` becomes `new`.
struct Variant: Codable {
    var file: String
    var function: String
    var old: String
    var new: String
    var key: String
}

struct Mutant: Codable {
    /// The name of the mutant, which stays the same as long as its function's text does.
    var key: String
    /// The number that activates it.
    var number: Int
    /// The number of its function, by which a run reports that it has reached it.
    var functionNumber: Int
    var file: String
    var function: String
    var line: Int
    var change: String
    /// The first line of the output on which it stands. Both line numbers count from 1.
    var firstLine: Int
    var lastLine: Int
}

struct MutatorError: Error { var message: String }

func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else { throw MutatorError(message: "usage: mutator REQUEST.json RESULT.json") }
    let request = try JSONDecoder().decode(
        Request.self, from: try Data(contentsOf: URL(fileURLWithPath: arguments[1])))
    var writer = MutantWriter(wanted: request.wanted.map(Set.init), unwanted: Set(request.unwanted))
    for file in request.files {
        let text = try String(contentsOfFile: file.input, encoding: .utf8)
        let variants = request.variants.filter { $0.file == file.path }
        let output = try writer.mutate(text, of: file.path, variants: variants)
        guard request.isWriting else { continue }
        // A file that has not changed keeps its date, so that it is not compiled again.
        if (try? String(contentsOfFile: file.output, encoding: .utf8)) != output {
            try output.write(toFile: file.output, atomically: true, encoding: .utf8)
        }
    }
    guard writer.lost.isEmpty else {
        let list = writer.lost.map { "\($0.file): no body of '\($0.function)' has exactly once: \($0.old)" }
        throw MutatorError(message: list.joined(separator: "\n"))
    }
    try JSONEncoder().encode(writer.mutants).write(to: URL(fileURLWithPath: arguments[2]))
}

do {
    try run()
} catch let error as MutatorError {
    FileHandle.standardError.write(Data("error: \(error.message)\n".utf8))
    exit(1)
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
