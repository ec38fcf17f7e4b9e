import Foundation
import SystemImage

extension HarmEvidence {
    /// Collects versions and the faults that the system tests have tried. Builds the image to get its hash.
    init(_ workspace: Workspace, _ manifest: Manifest, _ plan: Plan) throws {
        func output(_ program: String, _ arguments: [String]) -> String {
            let text = (try? Subprocess(program, arguments).text()) ?? "not known"
            return String(text.prefix { $0 != "\n" })
        }
        let commit = Self.commit(workspace)
        self.init(
            versions: [
                ("Manifest", manifest.file.relativePath), ("Manifest's hash", try Self.hash(of: manifest.file)),
                ("Entente", commit),
                ("Swift", output("swift", ["--version"])), ("QEMU", output("qemu-system-aarch64", ["--version"])),
            ] + (try Self.packages(workspace)) + [
                ("Image (build --fixed-seed)", try Self.hash(workspace, manifest))
            ], injections: try Self.injections(workspace, manifest.name),
            plan: try Self.hash(of: plan, system: manifest.name), commit: commit, limits: try Self.limits(workspace))
    }

    /// Returns the entries of the chapter on the analysis in docs/caveats.md.
    static func limits(_ workspace: Workspace) throws -> [Limit] {
        let file = workspace.root.appendingPathComponent("docs/caveats.md")
        var limits: [Limit] = []
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        for line in lines.drop(while: { $0 != "## Analysis of harm" }).dropFirst().prefix(while: {
            !$0.hasPrefix("## ")
        }) {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("- ") {
                limits.append(Limit(text: String(text.dropFirst(2)), isNested: text.count < line.count))
            } else if let last = limits.indices.last {
                limits[last].text += " " + text
            }
        }
        guard !limits.isEmpty else {
            throw Failure("\(file.path) has no chapter on the analysis of harm", remedy: "restore the file")
        }
        return limits
    }

    /// Returns the commit of the checkout, and says whether files differ from it.
    package static func commit(_ workspace: Workspace) -> String {
        func git(_ arguments: String...) -> String? {
            try? Subprocess("git", ["-C", workspace.root.path] + arguments).text()
        }
        guard let commit = git("rev-parse", "HEAD") else { return "not known" }
        return commit + (git("status", "--porcelain")?.isEmpty == true ? "" : changed)
    }

    /// Returns the names and versions of the packages of other projects, as `Package.swift` requires them.
    static func packages(_ workspace: Workspace) throws -> [(name: String, value: String)] {
        let text = try String(contentsOf: workspace.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        return text.matches(of: /url: "[^"]*\/([^"\/]+)", exact: "([^"]+)"/).map { (String($0.1), String($0.2)) }
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
        return try hash(of: image)
    }

    /// Returns the hash of the text that `entente plan` prints. Two manifests have the same hash if their plans are the
    /// same.
    package static func hash(of plan: Plan, system: String) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).txt")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(PlanDocument(plan, system: system).description.utf8).write(to: file)
        return try hash(of: file)
    }

    private static func hash(of file: URL) throws -> String {
        "sha256:" + (try Subprocess("sha256sum", [file.path]).text()).prefix { $0 != " " }
    }

    /// Returns the file in which the system tests record the faults that they have tried on the systems of a name.
    package static func file(_ workspace: Workspace, _ system: String) -> URL {
        workspace.state.appendingPathComponent("injections/\(system).json")
    }

    /// Returns the faults that the system tests have tried on the systems of a name, with any plan.
    static func injections(_ workspace: Workspace, _ system: String) throws -> [FaultInjection] {
        let file = file(workspace, system)
        guard let data = try? Data(contentsOf: file) else { return [] }
        do {
            return try JSONDecoder().decode([FaultInjection].self, from: data)
        } catch {
            throw Failure("\(file.path) has no fault injections: \(error)", remedy: "delete it")
        }
    }
}
