import ABI
import Foundation
import Testing

@testable import SystemImage

/// The plan of each example equals the one in `Tests/Plans`. `ENTENTE_UPDATE_EXPECTED=1` rewrites these files.
@Suite struct PlanDocumentTests {
    static let examples = Repository.files(in: "examples", withExtension: "yaml")

    private func document(_ file: URL) throws -> PlanDocument {
        let manifest = try Manifest.load(path: file.path)
        return PlanDocument(try manifest.planWithPlaceholders(), system: manifest.name)
    }

    @Test(arguments: examples)
    func isTheExpectedOne(file: URL) throws {
        let name = file.deletingLastPathComponent().lastPathComponent
        let expected = Repository.root.appendingPathComponent("Tests/Plans/\(name).txt")
        let text = try document(file).description
        if ProcessInfo.processInfo.environment["ENTENTE_UPDATE_EXPECTED"] != nil {
            try Data(text.utf8).write(to: expected)
        }
        let known = (try? String(contentsOf: expected, encoding: .utf8)) ?? ""
        let difference = try #require(
            try? PlanDifference(fromText: known, to: document(file)), "there is no plan of '\(name)' in Tests/Plans")
        #expect(difference.isEmpty, "\(difference)")
        #expect(text == known)
    }

    @Test(arguments: examples)
    func comesBackFromJSON(file: URL) throws {
        let document = try document(file)
        let json = try document.json()
        #expect(try PlanDocument(json: json) == document)
        #expect(try PlanDocument(json: json).json() == json)
    }

    /// A plan that differs with each run could not be compared.
    @Test func isTheSameEachTime() throws {
        for file in Self.examples { #expect(try document(file).description == document(file).description) }
    }

    /// The list of keys holds every key of an entry, because the text leaves out other keys.
    @Test(arguments: examples)
    func showsEveryValue(file: URL) throws {
        let keys = try Set(document(file).parts.values.joined().flatMap(\.values.keys))
        #expect(keys.isSubset(of: PlanDocument.keys), "\(keys.subtracting(PlanDocument.keys))")
    }

    @Test func aDifferenceNamesBothSides() throws {
        let old = try document(Repository.root.appendingPathComponent("examples/debian/system.yaml"))
        var new = old
        new.parts[.tenants]?[0].values["priority"] = .number(3)
        let difference = PlanDifference(from: old, to: new)
        #expect(difference.sections.map(\.title) == ["tenants"])
        #expect(difference.description.contains("\n- kind=") && difference.description.contains("\n+ kind="))
        #expect(difference.description.contains("priority=3"))
        #expect(try PlanDifference(fromText: old.description, to: new).description == difference.description)
        #expect(PlanDifference(from: new, to: new).description == "")
    }

    @Test func showsTheReasonsOfTraps() throws {
        let file = Repository.root.appendingPathComponent("Tests/Systems/machine-failures.yaml")
        let document = try document(file)
        let lines = try #require(document.sections.first { $0.title == "traps" }).lines
        #expect(
            lines == [
                "tenant=debian immediate=0xe002 text=machine hangs, its watchdog expired",
                "tenant=hangs immediate=0xe002 text=machine hangs, its watchdog expired",
                "tenant=panics immediate=0xe001 text=machine panicked",
            ])
        #expect(try PlanDocument(json: document.json()) == document)
        var other = document
        other.parts[.traps] = nil
        let difference = PlanDifference(from: document, to: other).description
        #expect(difference == "traps:\n" + lines.map { "- \($0)\n" }.joined())
    }

    @Test(arguments: [
        "", "{}", #"{"schema": "entente-plan", "system": "x"}"#,
        #"{"schema": "entente-plan", "system": "x", "version": 2}"#, "[1]",
    ])
    func anotherJSONIsRefused(text: String) {
        #expect(throws: Failure.self) { try PlanDocument(json: Data(text.utf8)) }
    }

    @Test(arguments: ["", "hello", "plan of 'x', version 9"])
    func anotherTextIsRefused(text: String) throws {
        let plan = PlanDocument(system: "x")
        #expect(throws: Failure.self) { try PlanDifference(fromText: text, to: plan) }
    }
}
