import Foundation
import Testing

@testable import SystemImage

/// The published schema and the parser describe one format.
@Suite struct SchemaTests {
    private func schema() throws -> SchemaValidator {
        let data = try Data(contentsOf: Repository.root.appendingPathComponent("Schemas/manifest.schema.json"))
        return SchemaValidator(root: try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any]))
    }

    private func keys(_ schema: Any?) -> [String] {
        ((schema as? [String: Any])?["properties"] as? [String: Any] ?? [:]).keys.sorted()
    }

    /// `./entente generate` writes both.
    @Test func theCommittedFilesAreGenerated() throws {
        let schema = try String(
            contentsOf: Repository.root.appendingPathComponent("Schemas/manifest.schema.json"), encoding: .utf8)
        #expect(schema == ManifestSchema.text, "run ./entente generate")
        let document = try String(
            contentsOf: Repository.root.appendingPathComponent("docs/manifest.md"), encoding: .utf8)
        #expect(try document == ManifestTables.updated(document), "run ./entente generate")
        // One cell holds the pager's two keys, another one the form of `guest`, and the tables explain `program` at its
        // uses.
        for part in ManifestPart.all where !["paged", "program", "guest"].contains(part.name) {
            #expect(document.contains("<!-- keys of \(part.name) -->"), "\(part.name) has no table")
        }
    }

    @Test func aTableIsReplacedBetweenItsMarks() throws {
        let document = "before\n<!-- keys of sharedMemory -->\nold\n<!-- end -->\nafter\n"
        #expect(
            try ManifestTables.updated(document) == """
                before
                <!-- keys of sharedMemory -->
                | key | value |
                | --- | --- |
                | `size` | bytes of memory, 4KiB to 16MiB, a multiple of 4KiB |
                | `between` | the names of both ends, in any order |
                <!-- end -->
                after

                """)
        #expect(throws: Failure.self) { try ManifestTables.updated("<!-- keys of nothing -->\n<!-- end -->") }
        #expect(throws: Failure.self) { try ManifestTables.updated("<!-- keys of board -->\n") }
    }

    /// Kinds that no key uses yet, or whose schema is easy to get wrong.
    @Test func eachKindHasItsSchemaAndItsText() {
        let part = ManifestPart(
            name: "part",
            keys: [
                .init("watched", .flag(default: false), "whether it is watched"),
                .init(
                    "devices", .mapping(from: .alias, to: .text(), maximum: 8), "its devices, {range}",
                    columns: ["none"]),
                .init("size", .size(0...(1 << 20), multipleOf: 4096, default: 0), "bytes"),
                .init("delay", .duration(1000...2000), "a delay"),
            ])
        #expect(
            ManifestSchema.definition(of: part).text() == """
                {
                  "type": ["object", "null"],
                  "additionalProperties": false,
                  "properties": {
                    "watched": { "description": "Whether it is watched.", "type": "boolean", "default": false },
                    "devices": {
                      "description": "Its devices, up to 8.",
                      "type": ["object", "null"],
                      "propertyNames": { "type": "string", "minLength": 1, "maxLength": 31 },
                      "additionalProperties": { "type": "string" },
                      "maxProperties": 8
                    },
                    "size": { "description": "Bytes, up to 1MiB, a multiple of 4KiB.", "$ref": "#/$defs/bytes", "default": 0 },
                    "delay": { "description": "A delay, 1us to 2us.", "$ref": "#/$defs/duration" }
                  }
                }
                """)
        #expect(
            ManifestTables.table(of: part) == [
                "| key | value | default |", "| --- | --- | --- |", "| `watched` | whether it is watched | `false` |",
                "| `devices` | its devices, up to 8 | none |", "| `size` | bytes, up to 1MiB, a multiple of 4KiB | 0 |",
                "| `delay` | a delay, 1us to 2us | |",
            ])
    }

    @Test(
        arguments: Repository.files(in: "examples", withExtension: "yaml")
            + Repository.files(in: "Tests/Manifests/valid", withExtension: "yaml"))
    func acceptsValidManifests(file: URL) throws {
        let errors = try schema().errors(in: String(contentsOf: file, encoding: .utf8))
        #expect(errors.isEmpty, "\(errors)")
    }

    /// These manifests are wrong in themselves, without regard to files or other parts of the manifest.
    @Test(arguments: [
        "unknown-key-top", "unknown-key-machine", "unknown-key-board", "unknown-key-component", "wrong-type-number",
        "wrong-type-text", "wrong-type-mapping", "wrong-type-list", "wrong-type-section", "wrong-type-quoted-number",
        "wrong-unit", "zero-cpus", "five-cpus", "negative-cpus", "board-cores", "priority", "name-characters",
        "name-digit", "name-long", "name-reserved", "no-tenants", "guest-and-kernel", "flavour-and-kernel",
        "initrd-without-kernel", "kernel-target-key", "kernel-target-name", "kernel-target-missing", "root-target",
        "monitor-key",
        "format-without-kernel", "guest", "flavour", "on-reset", "on-panic", "watchdog", "cpu-model", "board-name",
        "target-and-package", "no-program", "target-name", "too-many-arguments", "argument-type", "command-line-long",
        "not-a-mapping", "just-text", "on-failure", "restart-limit", "restart-on-limit", "restart-time-unit",
        "restart-time-number", "restart-unknown-key", "group-empty", "group-member-type", "group-unknown-key",
        "group-list", "group-name",
        "shared-memory-ends", "shared-memory-self", "shared-memory-keys", "shared-memory-list", "shared-memory-nine",
        "budget-alone", "period-alone", "budget-unit", "period-unit", "criticality-level", "accept-incomplete",
        "disks-keys", "disks-list", "disks-nine",
    ])
    func refusesWhatTheParserRefuses(name: String) throws {
        let file = Repository.manifests.appendingPathComponent(name + ".yaml")
        #expect(try schema().errors(in: String(contentsOf: file, encoding: .utf8)) != [])
    }
}
