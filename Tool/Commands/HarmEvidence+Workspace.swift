import Foundation
import SystemImage

extension HarmEvidence {
    /// Collects versions, the hash of the image if it was built, and the faults that the system tests have tried.
    init(_ workspace: Workspace, _ manifest: Manifest) {
        func output(_ program: String, _ arguments: [String]) -> String {
            let text = (try? Subprocess(program, arguments).text()) ?? "not known"
            return String(text.prefix { $0 != "\n" })
        }
        let isChanged =
            (try? Subprocess("git", ["-C", workspace.root.path, "status", "--porcelain"]).text())?.isEmpty == false
        let image = workspace.systems.appendingPathComponent("\(manifest.name)-\(manifest.file.pathKey).img")
        let hash =
            FileManager.default.fileExists(atPath: image.path)
            ? "sha256:" + output("sha256sum", [image.path]).prefix { $0 != " " } : "the image has not been built"
        self.init(
            versions: [
                ("Manifest", manifest.file.relativePath),
                (
                    "Entente",
                    output("git", ["-C", workspace.root.path, "rev-parse", "HEAD"])
                        + (isChanged ? " with local changes" : "")
                ),
                ("Swift", output("swift", ["--version"])), ("QEMU", output("qemu-system-aarch64", ["--version"])),
                ("Image", hash),
            ], injections: Self.injections(workspace, manifest.name))
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
