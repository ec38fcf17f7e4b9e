import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// Runs the program that makes mutants on a file of its own. It uses the compiler's modules for parsing Swift.
    @Suite struct MutatorTests {
        private let source = """
            struct Counter {
                var count: Int
                init(_ count: Int) { self.count = count }

                func fits(_ limit: Int, _ isOpen: Bool) -> Bool {
                    guard isOpen, count < limit else { return false }
                    return count & 7 | limit == 0
                }

                mutating func step() {
                    precondition(count < 9)
                    count = 4
                    record(count)
                    #if hasFeature(Embedded)
                        record(5)
                    #endif
                }
            }

            """

        @Test func eachOperatorMakesItsFaultsAndNothingElse() throws {
            let folder = try folder()
            defer { try? FileManager.default.removeItem(at: folder) }
            let made = try mutants(in: folder)
            #expect(made.filter { $0.function.hasPrefix("Counter.init") }.isEmpty)
            #expect(
                made.filter { $0.function == "Counter.fits(_:_:)" }.map(\.change) == [
                    "leave out the condition isOpen", "negate isOpen", "leave out the condition count < limit",
                    "negate count < limit", "count < limit -> <=", "return false: false -> true",
                    "count & 7 | limit == 0 -> !=", "count & 7 | limit -> count & 7", "count & 7 | limit -> limit",
                    "count & 7 -> count", "return count & 7 | limit == 0: 7 -> 8",
                    "return count & 7 | limit == 0: 0 -> 1",
                    "return true at once", "return false at once",
                ])
            #expect(
                made.filter { $0.function == "Counter.step()" }.map(\.change) == [
                    "leave out count = 4", "swap count = 4 and record(count)", "leave out record(count)",
                    "count = 4: 4 -> 5", "return at once",
                ])
            #expect(Set(made.map(\.key)).count == made.count)
        }

        @Test func aMutantStandsWhereItSays() throws {
            let folder = try folder()
            defer { try? FileManager.default.removeItem(at: folder) }
            let made = try mutants(in: folder)
            let lines = try String(contentsOf: folder.appendingPathComponent("output.swift"), encoding: .utf8)
                .split(separator: "\n", omittingEmptySubsequences: false)
            for mutant in made {
                #expect(lines[mutant.firstLine - 2] == "case \(mutant.number): do {")
                #expect(lines[mutant.lastLine] == "}")
            }
            let flag = try #require(made.first { $0.change == "count & 7 | limit -> count & 7" })
            #expect(lines[flag.firstLine - 1...flag.lastLine - 1].contains("        return count & 7 == 0"))
        }

        @Test func aVariantReplacesTextThatOccursOnce() throws {
            let folder = try folder()
            defer { try? FileManager.default.removeItem(at: folder) }
            func variant(_ old: String, in function: String) -> Mutator.Request.Variant {
                .init(file: "Counter.swift", function: function, old: old, new: "count = 0", key: "variant")
            }
            let made = try mutants(in: folder, [variant("count = 4", in: "step")], wanted: [])
            #expect(made.map(\.change) == ["count = 4 -> count = 0"])
            #expect(made.map(\.line) == [12])
            #expect(throws: Failure.self) { try mutants(in: folder, [variant("count", in: "step")]) }
            #expect(throws: Failure.self) { try mutants(in: folder, [variant("count = 4", in: "fits")]) }
        }

        private func folder() throws -> URL {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mutator-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try source.write(to: folder.appendingPathComponent("input.swift"), atomically: true, encoding: .utf8)
            return folder
        }

        private func mutants(
            in folder: URL, _ variants: [Mutator.Request.Variant] = [], wanted: [String]? = nil
        ) throws -> [Mutant] {
            let scratch = Repository.file(".build/mutator-test")
            try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
            let mutator = try Mutator(workspace: try Workspace.current(), scratch: scratch)
            let file = Mutator.Request.File(
                path: "Counter.swift", input: folder.appendingPathComponent("input.swift").path,
                output: folder.appendingPathComponent("output.swift").path)
            return try mutator.make(
                .init(files: [file], isWriting: true, variants: variants, wanted: wanted, unwanted: []))
        }
    }
}
