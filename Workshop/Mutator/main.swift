// Makes mutants of source files: copies of each function's body with one small fault each, one of which can be
// activated while the program runs. `./entente test --mutants` compiles this program with the modules for parsing Swift
// that lie beside the compiler, and calls it. Tests/Mutants/README.md describes the lists.
//
//     mutator REQUEST.json RESULT.json
//
// REQUEST holds a `MutationRequest`, RESULT a list of `Mutant`.
import Foundation

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("error: \(message)\n".utf8))
    exit(1)
}

func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else { fail("usage: mutator REQUEST.json RESULT.json") }
    let request = try JSONDecoder().decode(
        MutationRequest.self, from: try Data(contentsOf: URL(fileURLWithPath: arguments[1])))
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
        fail(list.joined(separator: "\n"))
    }
    try JSONEncoder().encode(writer.mutants).write(to: URL(fileURLWithPath: arguments[2]))
}

do { try run() } catch { fail("\(error)") }
