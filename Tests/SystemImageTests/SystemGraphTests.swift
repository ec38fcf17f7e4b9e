import ABI
import Foundation
import Testing

@testable import SystemImage

/// The picture shows each link of each offence in red.
@Suite struct SystemGraphTests {
    private func redLines(of text: String, board: String = "") throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        try Data("system: drawn\nboard: {cores: 2\(board)}\n\(text)".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let manifest = try Manifest.load(path: file.path, askingForCriticality: false)
        var graph = SystemGraph(HarmAnalysis(try manifest.planWithPlaceholders()), of: manifest)
        return graph.dot().split(separator: "\n").filter { $0.contains("class=offence") }.map {
            String($0.prefix { $0 != "\\" && $0 != "]" }.dropFirst(2))
        }
    }

    /// An exception accepts the change, so the line of the memory is green and does not show the bell.
    @Test func showsABellBesideAcceptedMemory() throws {
        let lines = try redLines(
            of: """
                components:
                  display:
                    target: Heartbeat
                    criticality: B
                    accept: [{from: camera, effect: change, through: memory, because: checked}]
                  camera: {target: Heartbeat, core: 1}
                shared-memory:
                  picture: {size: 4KiB, between: [display, camera]}
                """)
        #expect(lines == [#"t2 -> t1 [label="bell"#])
    }

    @Test func showsThatRootHasNoTime() throws {
        let lines = try redLines(
            of: """
                components:
                  display: {target: Heartbeat, criticality: B, core: 1}
                  loop: {target: Heartbeat, priority: 31}
                """)
        #expect(lines == [#"t2 -> t1 [label="can keep root off its core"#])
    }

    @Test(arguments: ["reset", "power-off"]) func showsTheBoardsAction(action: String) throws {
        let lines = try redLines(
            of: "components: {a: {target: Heartbeat, criticality: B}, b: {target: Heartbeat, core: 1}}\n",
            board: ", on-failure: \(action)")
        let action = action == "reset" ? "resets the board" : "turns the board off"
        #expect(lines.contains("t2 -> t1 [label=\"\(action)"))
        #expect(lines.allSatisfy { $0.hasSuffix(action) })
    }

    /// The memory of rings has no line of its own, and the call stands for it.
    @Test func showsTheCallForAllOfAConnection() throws {
        let lines = try redLines(
            of: """
                components:
                  client: {target: Heartbeat, criticality: B, priority: 20, uses: {store: server}, shared: 16KiB}
                  server: {target: Heartbeat, core: 0}
                """)
        #expect(lines.contains { $0.hasPrefix(#"t1 -> t2 [label="calls store"#) })
        #expect(lines.allSatisfy { $0.hasPrefix("t1 -> t2") || $0.hasPrefix("t2 -> t1") })
    }
}
