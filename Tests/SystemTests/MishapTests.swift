import Foundation
import Testing

extension SystemTests {
    /// Programs of packages fail. The user gets the reason, the text and the line.
    @Suite(.serialized) struct MishapTests {
        @Test func aMishapIsExplained() throws {
            let system = try RunningSystem("Tests/Systems/mishaps.yaml")
            try system.wait(for: "limit: narrow stays stopped", on: "root")
            let report = try system.lines(of: "root").joined(separator: "\n")
            #expect(report.contains("Mishaps.swift:7:24: Index out of range"))
            #expect(report.contains("Mishaps.swift:8:24: arithmetic overflow"))
            #expect(report.contains("Mishaps.swift:9:13: precondition failure"))
            #expect(report.contains("Mishaps.swift:10:13: fatal error"))
            #expect(report.contains("Mishaps.swift:12:17: Not enough bits to represent the passed value"))
            #expect(report.contains(/fault: deep stack overflow: 32KiB are used up \(key 'stack' of the manifest/))
            #expect(
                try system.lines(of: "condition").contains {
                    $0.hasSuffix("Mishaps/Mishaps.swift:9: Precondition failed: two is not enough")
                })
            #expect(
                try system.lines(of: "composed").contains {
                    $0.hasSuffix("Mishaps/Mishaps.swift:10: Fatal error: three, as in 3")
                })
            // The same program with a larger stack.
            try system.wait(for: "all is well", on: "deeper")
            #expect(!report.contains("fault: deeper"))
            for console in ["numbers", "others"] { try system.wait(for: "all is well", on: console) }
            try system.type("kill numbers\n", on: "root")
            try system.wait(for: "all is well", on: "numbers")
            let numbers = try system.lines(of: "numbers") + system.lines(of: "others")
            // The numbers come from two components, one of them in two lives, and no number occurs twice.
            let random = numbers.flatMap { $0.matches(of: /(random|and|hash) 0x([0-9a-f]+)/).map { $0.2 } }
            #expect(random.count == 9 && Set(random).count == 9, "\(random)")
            #expect(numbers.count { $0.hasSuffix("texts turn 7 true false 1") } == 3)
            let expected = "numbers \(1.5) \(0.1 + 0.2) \(Float(1) / 3) \(-0.0) \(Double.infinity) dead(generation: 3)"
            #expect(numbers.count { $0.hasSuffix(expected) } == 3)
            let math =
                "math \(6.0.squareRoot()) \((-6.0).truncatingRemainder(dividingBy: 0.7)) \(6.0.remainder(dividingBy: 3.5))"
            #expect(numbers.count { $0.hasSuffix(math) } == 3)
            let read = "read \(Double("6.025e-3")!) \(Float("0.6")!) -1.0 \(Float(6).squareRoot())"
            #expect(numbers.count { $0.hasSuffix(read) } == 3)
        }

        /// The build of a component reports, at its place, code that cannot run on the board.
        @Test func codeThatCannotRunOnTheBoardIsRefused() throws {
            let cases: [(code: String, said: [String])] = [
                (
                    #"func show() -> String { "\([1])" }"#,
                    ["error: cannot use a value of protocol type", "make it CustomStringConvertible"]
                ),
                (
                    #"struct Pair { var a = 1 }; func show() -> String { "\(Pair())" }"#,
                    ["error: cannot use a value of protocol type", "write its parts"]
                ),
                (
                    #"@_extern(c, "sin") func sin(_ x: Double) -> Double; func show() -> String { "\(sin(Double(Heap.used)))" }"#,
                    ["the program 'Mishaps' calls 'sin'", "What Embedded Swift lacks"]
                ),
            ]
            // The place is always the same, so that earlier output is used again.
            let folder = Repository.file(".entente/tests/mishaps")
            for (code, said) in cases {
                let output = try build(with: code, in: folder)
                for text in ["Mishaps.swift:"] + said { #expect(output.contains(text), "\(output.suffix(3000))") }
            }
        }

        /// Builds the package of the mishaps with a further function `show()`, and returns the tool's messages if that
        /// fails.
        private func build(with code: String, in folder: URL) throws -> String {
            try? FileManager.default.removeItem(at: folder)
            try FileManager.default.createDirectory(
                at: folder.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(at: Repository.file("Tests/Packages/mishaps"), to: folder)
            try change("Sources/Mishaps/Mishaps.swift", in: folder) {
                $0.replacing("goWrong(_ number: Int) {", with: "goWrong(_ number: Int) {\n    log(show())") + code
                    + "\n"
            }
            try change("Package.swift", in: folder) {
                $0.replacing(
                    "package: \"Entente\")]),\n        .target(name: \"MishapsProgram\"",
                    with: "package: \"Entente\")], swiftSettings: [.enableExperimentalFeature(\"Extern\")]),\n"
                        + "        .target(name: \"MishapsProgram\"")
            }
            try "components: {mishap: {package: .}}\n".write(
                to: folder.appendingPathComponent("system.yaml"), atomically: true, encoding: .utf8)
            let process = Process()
            process.executableURL = Repository.file("entente")
            process.arguments = ["build", folder.path]
            let pipe = Pipe()
            (process.standardOutput, process.standardError) = (pipe, pipe)
            try process.run()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 1)
            return output
        }

        private func change(_ path: String, in folder: URL, _ body: (String) -> String) throws {
            let file = folder.appendingPathComponent(path)
            try body(String(contentsOf: file, encoding: .utf8)).write(to: file, atomically: true, encoding: .utf8)
        }
    }
}
