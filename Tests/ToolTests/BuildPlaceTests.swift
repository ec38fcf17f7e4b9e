import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

private let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Makes an empty folder, which is deleted at the end.
private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.resolvingSymlinksInPath())
}

@Suite struct PackageSourcesTests {
    private static func description(of package: String) throws -> PackageSources.Description {
        try withFolder { folder in
            let text = try Subprocess(
                "swift",
                ["package", "--package-path", root.appendingPathComponent(package).path]
                    + ["--scratch-path", folder.path, "describe", "--type", "json"]
            ).output()
            return try JSONDecoder().decode(PackageSources.Description.self, from: text)
        }
    }

    /// The descriptions of all packages, by their folders.
    private static let descriptions = Result {
        try Dictionary(
            uniqueKeysWithValues: Set(PackageSources.programPackages + PackageSources.libraryPackages).map {
                ($0, try description(of: $0))
            })
    }

    /// Each module that a program's sources import, directly or through other modules, is among its inputs.
    @Test(arguments: PackageSources.programPackages)
    func namesTheFoldersOfAllModulesThatAProgramImports(package: String) throws {
        let descriptions = try Self.descriptions.get()
        let folders = descriptions.reduce(into: [String: String]()) { folders, description in
            for target in description.value.targets { folders[target.name] = description.key + "/" + target.path }
        }
        let sources = PackageSources { try #require(descriptions[$0]) }
        let products = try #require(descriptions[package]).products.filter { $0.name.hasSuffix("Image") }
        #expect(!products.isEmpty)
        for product in products {
            let found = try sources.sources(ofProduct: product.name)
            #expect(found.package == package)
            for input in found.inputs where !input.hasSuffix("/Package.swift") {
                for module in try Self.imports(below: root.appendingPathComponent(input)) {
                    guard let folder = folders[module] else { continue }
                    #expect(found.inputs.contains(folder), "\(product.name): \(input) imports \(module)")
                }
            }
        }
    }

    @Test func namesThePackagesOfAProgram() throws {
        let descriptions = try Self.descriptions.get()
        let sources = PackageSources { try #require(descriptions[$0]) }
        let inputs = try sources.sources(ofProduct: "RootImage").inputs
        for input in ["Components/Package.swift", "Components/Root", "Kit/ABI", "Services/Supervision"] {
            #expect(inputs.contains(input))
        }
        #expect(!inputs.contains("Services/SerialConsole"))
        #expect(throws: Failure.self) { try sources.sources(ofProduct: "NoImage") }
    }

    /// The script only compares dates, so that it need not start SwiftPM. Its list must equal the sources that SwiftPM
    /// uses.
    @Test func theScriptKnowsTheSourcesOfTheTool() throws {
        let targets = try Self.description(of: ".").targets
        let tests = ["SystemImageTests", "ToolTests", "SystemTests"]
        let folders = targets.filter { !tests.contains($0.name) }.map(\.path).filter { !$0.hasPrefix("Tool/") }
        let script = try String(contentsOf: root.appendingPathComponent("entente"), encoding: .utf8)
        let list = try #require(script.firstMatch(of: /\{Package\.swift,([\w,\/.]+)\}/))
        #expect(Set(list.1.split(separator: ",").map(String.init)) == Set(folders + ["Kit/Package.swift", "Kit/ABI"]))
    }

    /// A source that comes or goes in a library makes SwiftPM's plans of other packages stale; a changed one does not.
    @Test func dropsPlansThatAreOlderThanAFileThatCame() throws {
        try withFolder { folder in
            let manager = FileManager.default
            let sources = folder.appendingPathComponent("Kit/ABI"), plan = folder.appendingPathComponent("debug.yaml")
            try manager.createDirectory(at: sources, withIntermediateDirectories: true)
            try Data().write(to: sources.appendingPathComponent("Old.swift"))
            try Data().write(to: plan)
            let past = Date(timeIntervalSinceNow: -60), earlier = Date(timeIntervalSinceNow: -120)
            try manager.setAttributes([.modificationDate: past], ofItemAtPath: plan.path)
            for path in ["Kit", "Kit/ABI"] {
                let url = folder.appendingPathComponent(path)
                try manager.setAttributes([.modificationDate: earlier], ofItemAtPath: url.path)
            }
            let workspace = Workspace(root: folder)
            workspace.dropStalePlans(in: folder)
            #expect(manager.fileExists(atPath: plan.path))
            try Data().write(to: sources.appendingPathComponent("New.swift"))
            workspace.dropStalePlans(in: folder)
            #expect(!manager.fileExists(atPath: plan.path))
        }
    }

    private static func imports(below folder: URL) throws -> Set<String> {
        let files =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        return try files.filter { $0.pathExtension == "swift" }.reduce(into: []) { modules, file in
            let text = try String(contentsOf: file, encoding: .utf8)
            modules.formUnion(text.matches(of: /(?m)^(?:@\w+ )?import (\w+)/).map { String($0.1) })
        }
    }
}

/// Tests the place that the script `entente` gives its output, by a compiler that only records its calls.
@Suite struct OutputPlaceTests {
    /// A checkout that holds the script alone. Its `swift` makes a tool which prints the places that it was given.
    private struct Checkout {
        let folder: URL
        let programs: URL

        init(in parent: URL) throws {
            folder = parent.appendingPathComponent("checkout")
            programs = parent.appendingPathComponent("programs")
            for source in ["Kit/ABI", "System", "Tool", "Workshop"] {
                try FileManager.default.createDirectory(
                    at: folder.appendingPathComponent(source), withIntermediateDirectories: true)
            }
            for file in ["Package.swift", "Kit/Package.swift"] {
                try Data().write(to: folder.appendingPathComponent(file))
            }
            try FileManager.default.copyItem(
                at: root.appendingPathComponent("entente"), to: folder.appendingPathComponent("entente"))
            try write(
                "swift",
                """
                while [[ $1 != --scratch-path ]]; do [[ $1 != --package-path ]] || package=$2; shift; done
                [[ -e $package/Package.swift ]] || exit 1
                touch "$package/Package.resolved"
                mkdir -p "$2/release"
                echo '#!/bin/bash' >"$2/release/entente"
                echo 'echo "$ENTENTE_ROOT|${ENTENTE_OUTPUT_HERE:-}"' >>"$2/release/entente"
                chmod +x "$2/release/entente"
                """)
            // The script installs nothing here, even if this host lacks a library.
            try write("ldconfig", "echo 'libcurl.so.4 libxml2.so.2 libsqlite3.so.0 libncurses.so.6 '")
            for name in ["git", "ld.gold", "qemu-system-aarch64", "dtc", "fdtget", "setpriv", "apt-get"] {
                try write(name, "")
            }
        }

        private func write(_ name: String, _ text: String) throws {
            try FileManager.default.createDirectory(at: programs, withIntermediateDirectories: true)
            try writeProgram("#!/bin/bash\n\(text)\n", to: programs.appendingPathComponent(name))
        }

        /// Runs the script.
        ///
        /// - Returns: the tool's output (the checkout, `|`, the output's place), and the script's messages.
        func run(at place: URL? = nil, _ environment: [String: String] = [:]) throws -> (tool: String, said: String) {
            let script = (place ?? folder).appendingPathComponent("entente").path
            let all =
                environment.map { "\($0)=\($1)" } + ["PATH=\(programs.path):/usr/bin:/bin", "bash", script, "run"]
            let (status, text) = try Subprocess("env", ["-u", "ENTENTE_OUTPUT", "-u", "ENTENTE_OUTPUT_HERE"] + all)
                .outcome()
            #expect(status == 0, "\(text)")
            let lines = text.split(separator: "\n").map(String.init)
            return (lines.last ?? "", lines.dropLast().joined(separator: "\n"))
        }

        func has(_ path: String) -> Bool {
            FileManager.default.fileExists(atPath: folder.appendingPathComponent(path).path)
        }
    }

    @Test func outputGoesIntoTheCheckout() throws {
        try withFolder { parent in
            let checkout = try Checkout(in: parent)
            #expect(try checkout.run().tool == "\(checkout.folder.path)|")
            #expect(checkout.has(".build/release/entente"))
            // The script does not build a second time.
            #expect(try checkout.run().said == "")
        }
    }

    @Test func aVariableMovesTheOutput() throws {
        try withFolder { parent in
            let checkout = try Checkout(in: parent)
            let base = parent.appendingPathComponent("elsewhere")
            let tool = try checkout.run(["ENTENTE_OUTPUT": base.path]).tool
            #expect(tool.hasPrefix("\(checkout.folder.path)|\(base.path)/checkout-"))
            for made in [".build", ".entente", "Package.resolved"] { #expect(!checkout.has(made), "\(made)") }
        }
    }

    /// The superuser may write anywhere, so this test runs as another user if it can.
    @Test(.enabled(if: geteuid() == 0)) func outputOfACheckoutThatCannotBeWrittenGoesToTheCache() throws {
        try withFolder { parent in
            let checkout = try Checkout(in: parent)
            let cache = parent.appendingPathComponent("cache")
            try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: cache.path)
            let (status, text) = try Subprocess(
                "setpriv",
                ["--reuid=65534", "--clear-groups", "env", "-u", "ENTENTE_OUTPUT", "XDG_CACHE_HOME=\(cache.path)"]
                    + [
                        "PATH=\(checkout.programs.path):/usr/bin:/bin", "bash", "\(checkout.folder.path)/entente",
                        "run",
                    ]
            ).outcome()
            #expect(status == 0, "\(text)")
            #expect(text.split(separator: "\n").last?.contains("|\(cache.path)/entente/checkout-") == true, "\(text)")
        }
    }

    /// Compilers leave absolute paths in their output, which then name files that do not exist.
    @Test func aCheckoutThatMovedIsBuiltAnew() throws {
        try withFolder { parent in
            let checkout = try Checkout(in: parent)
            _ = try checkout.run()
            let old = parent.appendingPathComponent("checkout/.build/old")
            try Data().write(to: old)
            let copy = parent.appendingPathComponent("copy")
            try FileManager.default.copyItem(at: checkout.folder, to: copy)
            let (tool, said) = try checkout.run(at: copy)
            #expect(tool == "\(copy.path)|")
            #expect(said.contains("made for a checkout at \(checkout.folder.path)"))
            #expect(!FileManager.default.fileExists(atPath: copy.appendingPathComponent(".build/old").path))
            #expect(try checkout.run(at: copy).said == "")
            // The first checkout keeps its output.
            #expect(try checkout.run().said == "")
            #expect(FileManager.default.fileExists(atPath: old.path))
        }
    }
}
