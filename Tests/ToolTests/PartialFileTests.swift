import Foundation
import SystemImage
import Testing

@testable import Tool

#if canImport(Glibc)
    import Glibc
#endif

/// Files that the tool makes as a whole.
@Suite(.serialized) struct PartialFileTests {
    private let workspace: Workspace

    init() throws { workspace = try makeWorkspace() }

    private func remove() { try? FileManager.default.removeItem(at: workspace.root) }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: workspace.root.path).sorted() }
    }

    @Test func aFileAppearsAsAWhole() throws {
        defer { remove() }
        let target = workspace.root.appendingPathComponent("out")
        try PartialFile.making(target) { part in
            try Data([1]).write(to: part)
            #expect(!FileManager.default.fileExists(atPath: target.path))
            try PartialFile.temporary(in: workspace.root, named: "other") { try Data([2]).write(to: $0) }
            #expect(try names == [part.lastPathComponent])
        }
        #expect(try names == ["out"] && Data(contentsOf: target) == Data([1]))
        let failure = #expect(throws: Failure.self) { try PartialFile.making(target) { _ in Issue.record("begins") } }
        #expect(failure?.problem.contains("exists already") == true)
        // Another program makes the file meanwhile.
        try FileManager.default.removeItem(at: target)
        #expect(throws: Failure.self) {
            try PartialFile.making(target) {
                try Data([3]).write(to: $0)
                try Data([4]).write(to: target)
            }
        }
        #expect(try names == ["out"] && Data(contentsOf: target) == Data([4]))
    }

    @Test func nothingStaysAfterAFailure() throws {
        defer { remove() }
        struct Trouble: Error {}
        #expect(throws: Trouble.self) {
            try PartialFile.making(workspace.root.appendingPathComponent("out")) {
                try Data([1]).write(to: $0)
                throw Trouble()
            }
        }
        #expect(try names == [])
    }
}
