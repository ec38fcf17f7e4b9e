import Foundation
import SystemImage

extension HarmEvidence {
    /// Collects versions and the faults that the system tests have tried. Builds the image to get its hash.
    init(_ workspace: Workspace, _ manifest: Manifest) throws {
        func output(_ program: String, _ arguments: [String]) -> String {
            let text = (try? Subprocess(program, arguments).text()) ?? "not known"
            return String(text.prefix { $0 != "\n" })
        }
        let isChanged =
            (try? Subprocess("git", ["-C", workspace.root.path, "status", "--porcelain"]).text())?.isEmpty == false
        self.init(
            versions: [
                ("Manifest", manifest.file.relativePath),
                (
                    "Entente",
                    output("git", ["-C", workspace.root.path, "rev-parse", "HEAD"])
                        + (isChanged ? " with local changes" : "")
                ),
                ("Swift", output("swift", ["--version"])), ("QEMU", output("qemu-system-aarch64", ["--version"])),
                ("Image (build --fixed-seed)", try Self.hash(workspace, manifest)),
            ], injections: Self.injections(workspace, manifest.name))
    }

    /// Returns the hash of the image that the tool builds from the manifest. The random seeds of the machines are
    /// fixed, because otherwise each image would have a hash of its own.
    private static func hash(_ workspace: Workspace, _ manifest: Manifest) throws -> String {
        var builder = SystemBuilder(workspace: workspace, manifest: manifest)
        builder.seed = .fixed
        let image = workspace.systems.appendingPathComponent(".\(UUID().uuidString).img")
        builder.imageOfRun = image
        defer { try? FileManager.default.removeItem(at: image) }
        _ = try builder.build()
        return "sha256:" + (try Subprocess("sha256sum", [image.path]).text()).prefix { $0 != " " }
    }

    /// Returns the file in which the system tests record the faults that they have tried on a system.
    package static func file(_ workspace: Workspace, _ system: String) -> URL {
        workspace.state.appendingPathComponent("injections/\(system).json")
    }

    private static func injections(_ workspace: Workspace, _ system: String) -> [FaultInjection] {
        guard let data = try? Data(contentsOf: file(workspace, system)) else { return [] }
        return (try? JSONDecoder().decode([FaultInjection].self, from: data)) ?? []
    }
}
