import Foundation
import Testing

@testable import Tool

@Suite struct KitReferenceTests {
    /// The compiler's description of a type with a member and of two functions with one name.
    private let graph = Data(
        """
        {"symbols": [
            {"names": {"title": "Lamp"}, "pathComponents": ["Lamp"]},
            {"names": {"title": "on"}, "pathComponents": ["Lamp", "on"]},
            {"names": {"title": "log(_:)"}, "pathComponents": ["log(_:)"]},
            {"names": {"title": "log(_:)"}, "pathComponents": ["log(_:)"]}
        ]}
        """.utf8)

    private func ungrouped(_ lines: String...) throws -> [String] {
        try KitReference.ungrouped(in: graph, by: lines.joined(separator: "\n"))
    }

    @Test func eachSymbolNeedsAGroup() throws {
        #expect(try ungrouped("- ``Lamp``", "- ``log(_:)-(String)``", "- ``log(_:)-(Text)``") == [])
        #expect(try ungrouped("- ``log(_:)-(String)``", "- ``log(_:)-(Text)``") == ["Lamp"])
        #expect(try ungrouped("") == ["Lamp", "log(_:)", "log(_:)"])
    }

    @Test func functionsWithOneNameNeedAGroupEach() throws {
        #expect(try ungrouped("- ``Lamp``", "- ``log(_:)``") == ["log(_:)"])
    }

    @Test func aSymbolThatTheTextNamesIsInNoGroup() throws {
        #expect(try ungrouped("A ``Lamp`` shines.", "- ``log(_:)-(String)``", "- ``log(_:)-(Text)``") == ["Lamp"])
    }
}
