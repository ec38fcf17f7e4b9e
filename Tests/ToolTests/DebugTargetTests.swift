import ABI
import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// Tests the conditions that confine gdb to a part of a system.
@Suite struct DebugTargetTests {
    private let folder = TemporaryFolder()

    private func target(_ name: String, symbols: URL? = nil) throws -> DebugTarget {
        let manifest = try folder.write(
            "system.yaml",
            """
            system: s
            components: {a: {target: Heartbeat, after: [m]}}
            machines: {m: {memory: 64MiB}, n: {kernel: {target: EchoGuest}, memory: 64MiB}}
            """)
        let program = URL(fileURLWithPath: "/x/Some \"program\".elf")
        let channels = ["kernel", "root", "serial", "a", "m", "n"].enumerated().map {
            Channel(name: $1, kind: .component, number: UInt8($0), program: program)
        }
        return try DebugTarget(
            named: name, in: Manifest.load(path: manifest.path), channels: channels, symbols: symbols,
            workspace: Workspace(root: folder.url))
    }

    @Test func identifiersFollowTheOrderOfTheStart() throws {
        #expect(try target("root").condition == "($cpsr & 12) == 0 && ($VTTBR_EL2 >> 48) == 1")
        #expect(try target("serial").condition.hasSuffix("== 2"))
        // The machine `m` starts before `a`, and its monitor's space is made first.
        #expect(try target("m.monitor").condition == "($cpsr & 12) == 0 && ($VTTBR_EL2 >> 48) == 3")
        #expect(try target("m").condition == "($cpsr & 12) <= 4 && ($VTTBR_EL2 >> 48) == 4")
        #expect(try target("a").condition.hasSuffix("== 5"))
        #expect(try target("n").condition.hasSuffix("== 7"))
        #expect(try target("kernel").condition == "($cpsr & 12) == 8")
    }

    @Test func symbolsAreThoseOfTheProgram() throws {
        #expect(
            try target("a").script(socket: folder.url).contains(
                #"gdb.execute("file \"/x/Some \\\"program\\\".elf\"", to_string=True)"#))
        #expect(try target("kernel").script(socket: folder.url).contains("symbol-file -o 1075838976 "))
        #expect(try target("m.monitor").symbols != nil && target("m").symbols == nil)
        #expect(try target("n").symbols?.lastPathComponent == "EchoGuest.elf")
        #expect(try target("m", symbols: URL(fileURLWithPath: "/v")).symbols?.path == "/v")
    }

    @Test func anUnknownNameIsRefused() {
        let error = #expect(throws: Failure.self) { try target("b") }
        #expect(error?.remedy == "choose from: a, m, m.monitor, n, n.monitor, root, serial, kernel")
    }
}
