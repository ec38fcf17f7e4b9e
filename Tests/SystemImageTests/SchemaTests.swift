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

    @Test func hasTheKeysOfTheParser() throws {
        let root = try schema().root
        let parts = try #require(root["$defs"] as? [String: Any])
        #expect(keys(root) == ManifestKeys.system.sorted())
        #expect(keys(parts["board"]) == ManifestKeys.board.sorted())
        #expect(keys(parts["machine"]) == ManifestKeys.machine.sorted())
        #expect(keys(parts["component"]) == ManifestKeys.component.sorted())
        #expect(keys(parts["group"]) == ManifestKeys.group.sorted())
        #expect(keys(parts["sharedMemory"]) == ManifestKeys.sharedMemory.sorted())
        #expect(keys(parts["restart"]) == ManifestKeys.restart.sorted())
    }

    @Test func hasTheLimitsOfTheParser() throws {
        let validator = try schema()
        let parts = try #require(validator.root["$defs"] as? [String: Any])
        func property(_ part: String, _ key: String) -> [String: Any] {
            let properties = (parts[part] as? [String: Any])?["properties"] as? [String: Any]
            return properties?[key] as? [String: Any] ?? [:]
        }
        #expect(property("board", "cpu")["enum"] as? [String] == BoardDescription.cpuModels)
        #expect(property("board", "name")["enum"] as? [String] == BoardDescription.boards)
        #expect(property("board", "cores")["maximum"] as? Int == BoardDescription.coreCounts.upperBound)
        #expect(property("machine", "cpus")["maximum"] as? Int == MachineDescription.cpuCounts.upperBound)
        #expect(property("machine", "flavour")["enum"] as? [String] == DebianFlavour.allCases.map(\.rawValue))
        #expect(property("machine", "format")["enum"] as? [String] == GuestImage.Format.allCases.map(\.rawValue))
        #expect(property("component", "arguments")["maxItems"] as? Int == Tenant.maximumArguments)
        #expect((parts["criticality"] as? [String: Any])?["enum"] as? [String] == Criticality.allCases.map(\.name))
        #expect(property("board", "on-failure")["enum"] as? [String] == BoardDescription.onFailures.map(\.name))
        #expect(property("restart", "limit")["maximum"] as? Int == RestartDescription.limits.upperBound)
        let groups = (validator.root["properties"] as? [String: Any])?["groups"] as? [String: Any]
        #expect(groups?["maxProperties"] as? Int == GroupDescription.maximum)
        #expect((parts["name"] as? [String: Any])?["maxLength"] as? Int == TenantDescription.maximumName)
    }

    @Test(
        arguments: Repository.files(in: "examples", withExtension: "yaml")
            + Repository.files(in: "Tests/Manifests/valid", withExtension: "yaml"))
    func acceptsValidManifests(file: URL) throws {
        let errors = try schema().errors(in: String(contentsOf: file, encoding: .utf8))
        #expect(errors.isEmpty, "\(errors)")
    }

    /// Those that are wrong in themselves, without files and without other parts of the manifest.
    @Test(arguments: [
        "unknown-key-top", "unknown-key-machine", "unknown-key-board", "unknown-key-component", "wrong-type-number",
        "wrong-type-text", "wrong-type-mapping", "wrong-type-list", "wrong-type-section", "wrong-type-quoted-number",
        "wrong-unit", "zero-cpus", "five-cpus", "negative-cpus", "board-cores", "priority", "name-characters",
        "name-digit", "name-long", "name-reserved", "no-tenants", "guest-and-kernel", "flavour-and-kernel",
        "initrd-without-kernel", "kernel-target-key", "kernel-target-name", "kernel-target-missing", "root-target", "monitor-key",
        "format-without-kernel", "guest", "flavour", "on-reset", "cpu-model", "board-name",
        "target-and-package", "no-program", "target-name", "too-many-arguments", "argument-type", "command-line-long",
        "not-a-mapping", "just-text", "on-failure", "restart-limit", "restart-on-limit", "restart-time-unit",
        "restart-time-number", "restart-unknown-key", "group-empty", "group-member-type", "group-unknown-key",
        "group-list", "group-name",
        "shared-memory-ends", "shared-memory-self", "shared-memory-keys", "shared-memory-list", "shared-memory-nine",
        "budget-alone", "period-alone", "budget-unit", "period-unit", "criticality-level", "accept-incomplete",
    ])
    func refusesWhatTheParserRefuses(name: String) throws {
        let file = Repository.manifests.appendingPathComponent(name + ".yaml")
        #expect(try schema().errors(in: String(contentsOf: file, encoding: .utf8)) != [])
    }
}
