import Foundation
import Testing

@testable import KernelCore

/// The seed in a device tree, and inputs that are no device trees.
@Suite struct BootSeedTests {
    /// A tree in bytes, made as the Devicetree Specification (5) says.
    private struct Tree {
        var nodes: [UInt8] = []
        var strings: [UInt8] = []

        static func cell(_ number: Int) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        }
        private static func padded(_ bytes: [UInt8]) -> [UInt8] {
            bytes + [UInt8](repeating: 0, count: -bytes.count & 3)
        }

        mutating func node(_ name: String, _ body: (inout Tree) -> Void) {
            nodes += Tree.cell(1) + Tree.padded(Array(name.utf8) + [0])
            body(&self)
            nodes += Tree.cell(2)
        }

        mutating func property(_ name: String, _ value: [UInt8]) {
            nodes += Tree.cell(3) + Tree.cell(value.count) + Tree.cell(strings.count) + Tree.padded(value)
            strings += Array(name.utf8) + [0]
        }

        var bytes: [UInt8] {
            let structure = nodes + Tree.cell(9)
            let header = [
                0xD00D_FEED, 56 + structure.count + strings.count, 56, 56 + structure.count, 40, 17, 16, 0,
                strings.count, structure.count,
            ].flatMap(Tree.cell)
            return header + [UInt8](repeating: 0, count: 16) + structure + strings
        }
    }

    private static let value = (0..<32).map { UInt8($0 * 7 + 1) }
    private static let expected = (0..<4).map { word in
        value[8 * word..<8 * word + 8].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    }

    private func seed(_ bytes: [UInt8], limit: Int? = nil) -> [UInt64]? {
        var padded = bytes + [UInt8](repeating: 0, count: -bytes.count & 7)
        if let limit { padded = Array(padded.prefix(limit)) }
        let found = BootSeed.find(limit: UInt64(padded.count)) { offset in
            precondition(offset & 7 == 0 && Int(offset) + 8 <= padded.count, "reads beyond the limit")
            return (0..<8).reduce(0) { $0 | UInt64(padded[Int(offset) + $1]) << UInt64(8 * $1) }
        }
        return found.map { found in (0..<4).map { found[$0] } }
    }

    private func tree(_ name: String = "rng-seed", in node: String = "chosen", _ value: [UInt8] = value) -> Tree {
        var tree = Tree()
        tree.node("") { tree in
            tree.property("model", Array("a board".utf8))
            tree.node("memory@40000000") { tree in
                tree.property("rng-seed", [UInt8](repeating: 9, count: 32))
                // Only the node directly below the root belongs to the boot loader.
                tree.node("chosen") { $0.property("rng-seed", [UInt8](repeating: 7, count: 32)) }
            }
            tree.node(node) { tree in
                tree.property("stdout-path", Array("/pl011@9000000\0".utf8))
                tree.node("module") { $0.property("rng-seed", [UInt8](repeating: 8, count: 32)) }
            }
            tree.node(node) { tree in
                tree.property("kaslr-seed", [1, 2, 3, 4, 5, 6, 7, 8])
                tree.property(name, value)
            }
        }
        return tree
    }

    @Test func theSeedOfChosenIsFound() {
        #expect(seed(tree().bytes) == Self.expected)
        #expect(seed(tree("rng-seed", in: "chosen", Self.value + [1, 2, 3]).bytes) == Self.expected)
    }

    /// The processor's numbers change every word. One that does not come at once is awaited, but not for ever.
    @Test func theProcessorsNumbersAreAdded() {
        var draws = 0
        let seed = BootSeed.mixed([1, 2, 3, 4]) {
            draws += 1
            return draws % 3 == 0 ? UInt64(draws) << 32 : nil
        }
        #expect(draws == 12)
        for index in 0..<4 {
            let word = UInt64(index) + 1
            #expect(seed[index] == (3 * word) << 32 | word)
        }
        draws = 0
        let unchanged = BootSeed.mixed([1, 2, 3, 4]) {
            draws += 1
            return nil
        }
        #expect(draws == 64)
        for index in 0..<4 { #expect(unchanged[index] == UInt64(index) + 1) }
    }

    @Test func otherPropertiesAreNoSeed() {
        #expect(seed(tree("rng-seeds").bytes) == nil)
        #expect(seed(tree("rng-see").bytes) == nil)
        #expect(seed(tree("rng-seed", in: "chosen@1").bytes) == nil)
        #expect(seed(tree("rng-seed", in: "chose").bytes) == nil)
        #expect(seed(tree("rng-seed", in: "chosen", Array(Self.value.prefix(31))).bytes) == nil)
        #expect(seed([]) == nil && seed([UInt8](repeating: 0, count: 4096)) == nil)
    }

    /// A tree that is cut off or damaged anywhere gives a seed or none, and the kernel reads nothing beyond its end.
    @Test func damagedTreesDoNoHarm() {
        let whole = tree().bytes
        for limit in stride(from: 0, through: whole.count, by: 8) { _ = seed(whole, limit: limit) }
        for index in whole.indices {
            for byte in [0, 1, 3, 0x7F, 0x80, 0xFF] as [UInt8] {
                var damaged = whole
                damaged[index] = byte
                _ = seed(damaged)
            }
        }
    }

    /// A tree as the device tree compiler writes it.
    @Test func aCompiledTreeIsRead() throws {
        let source =
            "/dts-v1/; / { chosen { a = \"b\"; rng-seed = [\(Self.value.map { String($0, radix: 16).leftPadded }.joined())]; }; };"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "seed-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (text, blob) = (folder.appendingPathComponent("t.dts"), folder.appendingPathComponent("t.dtb"))
        try Data(source.utf8).write(to: text)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = ["dtc", "-q", "-O", "dtb", "-o", blob.path, text.path]
        try compiler.run()
        compiler.waitUntilExit()
        #expect(seed(Array(try Data(contentsOf: blob))) == Self.expected)
    }
}

extension String {
    fileprivate var leftPadded: String { count == 1 ? "0" + self : self }
}
