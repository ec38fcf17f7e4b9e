import Foundation
import Testing

@testable import Workshop

@Suite struct DirectionTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The folders of each module, in an order in which a folder refers only to those before it.
    @Test(arguments: [
        (
            "Tool",
            [
                "Support", "Project", "Interfaces", "Packages", "Emulator", "Guest", "Build", "Console", "Boot",
                "Commands",
            ]
        ),
        ("Workshop", ["Support", "Checks", "Bench", "Mutants", "Testing", "Commands"]),
    ])
    func referencesPointDownwards(module: String, folders: [String]) throws {
        let check = try ReferenceCheck(
            folder: Self.root.appendingPathComponent(module), without: ["Program", "Mutator"])
        #expect(check.references.count > 50)
        #expect(check.upward(in: folders) == [])
        #expect(check.circular == [])
    }

    @Test func findsUpwardReferencesAndCircles() {
        let check = ReferenceCheck(files: [
            "Low/Base.swift": "package struct Base { let top: Top }",
            "Low/Leaf.swift":
                "/// Not a reference: Top.\nenum Leaf { let text = \"Top\", code = \"\"\"\n    Top\n    \"\"\" }",
            "High/Top.swift": "final class Top: Base {}\nextension Leaf {}",
        ])
        #expect(check.references.map(\.type) == ["Base", "Leaf", "Top"])
        #expect(check.upward(in: ["Low", "High"]).map(\.from) == ["Low/Base.swift"])
        #expect(check.upward(in: ["Low"]).count == 3)
        #expect(check.circular == ["High/Top.swift", "Low/Base.swift"])
    }

    @Test func readsWhatTextsInterpolate() {
        let check = ReferenceCheck(files: [
            "A/One.swift": "struct One { let text = \"of \\(Two.name)\" }",
            "A/Two.swift": "struct Two { static let name = 1 }",
        ])
        #expect(check.references.map(\.type) == ["Two"])
    }
}
