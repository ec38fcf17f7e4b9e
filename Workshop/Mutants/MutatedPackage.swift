import Foundation
import SystemImage
import Tool

/// A copy of the packages of the portable modules, with mutants in these modules. One test program holds all mutants.
struct MutatedPackage {
    private let workspace: Workspace
    private let mutator: Mutator
    private let copy: URL
    private let variants: [MutantVariants.Entry]
    /// The keys of the mutants that do not compile, including those of earlier runs.
    private var unwanted: Set<String>
    private let uncompilable: URL

    init(workspace: Workspace, variants: [MutantVariants.Entry]) throws {
        self.workspace = workspace
        self.variants = variants
        let scratch = workspace.build.appendingPathComponent("mutants")
        copy = scratch.appendingPathComponent("package")
        try workspace.make(copy)
        mutator = try Mutator(workspace: workspace, scratch: scratch)
        uncompilable = scratch.appendingPathComponent("uncompilable.json")
        unwanted = (try? JSONDecoder().decode(Set<String>.self, from: Data(contentsOf: uncompilable))) ?? []
        try synchronise()
    }

    /// The folders from which the tests of the portable modules are built.
    private static let parts = [
        "Kit", "Kernel", "Machines", "Services", "Components/BlockDriver", "Components/Store", "Tests",
    ]

    /// Brings the copy up to date. Unchanged files keep their dates, so that a second run builds only the changes. The
    /// mutator writes the files of the areas later.
    private func synchronise() throws {
        let files = Self.files(below: workspace.root)
        let seam = "Kit/ABI/MutationSeam.swift"
        for file in Self.files(below: copy).subtracting(files) where file != seam {
            try FileManager.default.removeItem(at: copy.appendingPathComponent(file))
        }
        // The seam lies in ABI, because every mutated module imports ABI.
        try Self.write(
            try Data(contentsOf: workspace.root.appendingPathComponent("Tests/Mutants/Seam/MutationSeam.swift")),
            to: copy.appendingPathComponent(seam), in: workspace)
        for file in files where !MutantArea.allCases.contains(where: { file.hasPrefix($0.folder + "/") }) {
            let target = copy.appendingPathComponent(file)
            let data = try Data(contentsOf: workspace.root.appendingPathComponent(file))
            try Self.write(data, to: target, in: workspace)
        }
        for file in files where MutantArea.allCases.contains(where: { file.hasPrefix($0.folder + "/") }) {
            try workspace.make(copy.appendingPathComponent(file).deletingLastPathComponent())
        }
    }

    /// Writes a file, unless it has these contents already.
    private static func write(_ data: Data, to target: URL, in workspace: Workspace) throws {
        if (try? Data(contentsOf: target)) == data { return }
        try workspace.make(target.deletingLastPathComponent())
        try data.write(to: target)
    }

    private static func files(below root: URL) -> Set<String> {
        parts.reduce(into: []) { files, part in
            let folder = root.appendingPathComponent(part)
            let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
            for name in names where !name.hasPrefix(".") && !name.contains("/.") {
                var isFolder: ObjCBool = false
                let path = folder.appendingPathComponent(name).path
                let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
                guard isThere, !isFolder.boolValue else { continue }
                files.insert(part + "/" + name)
            }
        }
    }

    private var scratch: URL { copy.appendingPathComponent(".build") }
    var program: URL { scratch.appendingPathComponent("release/PortablePackageTests.xctest") }

    /// Returns all mutants that the operators make.
    func candidates(in areas: [MutantArea]) throws -> [Mutant] {
        var request = try request(wanted: nil)
        request.isWriting = false
        request.variants = []
        return try mutator.make(request).filter { $0.area.map(areas.contains) ?? false }
    }

    /// Builds the tests with the mutants of these keys and all variants. Returns the mutants that compile.
    mutating func build(_ wanted: [String]) throws -> [Mutant] {
        while true {
            let mutants = try mutator.make(request(wanted: wanted))
            let messages = try compile()
            guard let messages else { return mutants }
            let bad = CompilerMessages(messages, below: copy.path).mutants(of: mutants)
            guard !bad.isEmpty else { throw Failure("the tests with mutants do not build:\n" + messages.suffix(4000)) }
            let wrong = bad.filter { $0.hasPrefix("variant ") }.sorted()
            guard wrong.isEmpty else {
                throw Failure("these do not compile:\n" + wrong.joined(separator: "\n") + "\n" + messages.suffix(4000))
            }
            unwanted.formUnion(bad)
            try JSONEncoder().encode(unwanted).write(to: uncompilable)
        }
    }

    private func request(wanted: [String]?) throws -> Mutator.Request {
        let files = try MutantArea.allCases.flatMap { area in
            let folder = workspace.root.appendingPathComponent(area.folder).path
            return try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
                .map { area.folder + "/" + $0 }.sorted()
        }
        return Mutator.Request(
            files: files.map {
                .init(
                    path: $0, input: workspace.root.appendingPathComponent($0).path,
                    output: copy.appendingPathComponent($0).path)
            },
            isWriting: true,
            variants: variants.map { .init(file: $0.file, function: $0.in, old: $0.old, new: $0.new, key: $0.key) },
            wanted: wanted, unwanted: unwanted.sorted())
    }

    /// Builds the tests, optimised because they run many times. Returns the compiler's errors, or nil if it has none.
    ///
    /// The build has the lowest priority, so that tests that boot systems keep their time limits beside it. It emits no
    /// debug information, because nobody debugs the program.
    private func compile() throws -> String? {
        let build = Subprocess(
            "nice",
            ["-n", "19", "swift", "build", "--package-path", copy.appendingPathComponent("Tests").path]
                + ["--scratch-path", scratch.path, "--build-tests", "-c", "release", "-Xswiftc", "-enable-testing"]
                + ["-Xswiftc", "-suppress-warnings", "-Xswiftc", "-gnone"])
        let (status, text) = try build.outcome()
        return status == 0 ? nil : text
    }
}

/// Finds the mutants that cause the compiler's errors.
struct CompilerMessages {
    private let errors: [(file: String, line: Int)]

    init(_ text: String, below folder: String) {
        errors = text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix(folder + "/") else { return nil }
            let rest = line.dropFirst(folder.count + 1)
            guard let match = rest.prefixMatch(of: /([^:]+):([0-9]+):[0-9]+: error:/) else { return nil }
            return Int(match.2).map { (String(match.1), $0) }
        }
    }

    func mutants(of all: [Mutant]) -> Set<String> {
        let byFile = Dictionary(grouping: all, by: \.file)
        return errors.reduce(into: []) { bad, error in
            let mutants = byFile[error.file] ?? []
            let hit = mutants.filter { $0.firstLine - 1...$0.lastLine + 1 ~= error.line }
            bad.formUnion(hit.isEmpty ? suspects(mutants, error.line) : hit.map(\.key))
        }
    }

    /// Returns the mutants that may cause an error in a line without a mutant. They are in the last body before the
    /// line, because the compiler reports a missing step of a body, such as a property that is not set, at its end.
    private func suspects(_ mutants: [Mutant], _ line: Int) -> [String] {
        guard let last = mutants.last(where: { $0.lastLine < line }) else { return [] }
        let body = mutants.filter { $0.functionNumber == last.functionNumber }
        let leaving = body.filter { $0.change.hasPrefix("leave out") || $0.change.hasSuffix("at once") }
        return (leaving.isEmpty ? body : leaving).map(\.key)
    }
}
