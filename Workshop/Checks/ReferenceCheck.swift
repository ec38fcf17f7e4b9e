import Foundation

/// Finds the references between the files of a module, by the names of the types that the files declare at the top
/// level.
///
/// The compiler checks the direction between modules. This check does so within one module, because Swift lets each
/// file refer to each other file. It does not notice a file that only refers to an extension's member.
struct ReferenceCheck {
    /// A file that refers to a type of another file.
    struct Reference: Hashable, Comparable {
        var from: String
        var to: String
        var type: String

        static func < (one: Reference, other: Reference) -> Bool {
            (one.from, one.to, one.type) < (other.from, other.to, other.type)
        }
    }

    let references: [Reference]

    /// Reads sources.
    ///
    /// - Parameter files: the sources by their paths below the module's folder.
    init(files: [String: String]) {
        let sources = files.mapValues(Self.code)
        var homes: [Substring: String] = [:]
        for (path, text) in sources {
            let declaration =
                /^(?:(?:public|package|final|indirect|@\w+)\s+)*(?:struct|class|enum|protocol|actor|typealias)\s+(\w+)/
            for match in text.matches(of: declaration.anchorsMatchLineEndings()) { homes[match.1] = path }
        }
        var found: Set<Reference> = []
        for (path, text) in sources {
            for match in text.matches(of: /\b[A-Z]\w+/.wordBoundaryKind(.simple)) {
                guard let home = homes[match.0], home != path else { continue }
                found.insert(Reference(from: path, to: home, type: String(match.0)))
            }
        }
        references = found.sorted()
    }

    /// Reads the sources of a folder.
    ///
    /// - Parameter others: the folders of other modules, which lie inside of this one's.
    init(folder: URL, without others: [String] = []) throws {
        var files: [String: String] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where path.hasSuffix(".swift") {
            if others.contains(where: { path.hasPrefix($0 + "/") }) { continue }
            files[path] = try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
        }
        self.init(files: files)
    }

    /// Returns the references to a folder that stands behind the referring file's own in the list, and those from or to
    /// a folder that is not in the list.
    func upward(in folders: [String]) -> [Reference] {
        func rank(_ path: String) -> Int? {
            folders.firstIndex(of: path.split(separator: "/").dropLast().joined(separator: "/"))
        }
        return references.filter { reference in
            guard let from = rank(reference.from), let to = rank(reference.to) else { return true }
            return from < to
        }
    }

    /// The files from which a chain of references leads back to themselves.
    var circular: [String] {
        var targets: [String: Set<String>] = [:]
        for reference in references { targets[reference.from, default: []].insert(reference.to) }
        return targets.keys.filter { start in
            var waiting = Array(targets[start, default: []])
            var seen: Set<String> = []
            while let next = waiting.popLast() {
                if next == start { return true }
                if seen.insert(next).inserted { waiting += targets[next, default: []] }
            }
            return false
        }.sorted()
    }

    /// Returns a source without comments, and without the fixed parts of its texts.
    static func code(_ source: String) -> String {
        source.replacing(/(?s)"""(.*?)"""/) { interpolations($0.1) }
            .replacing(/(?m)\/\/.*$/, with: "")
            .replacing(/"((?:\\\([^"]*?\)|\\.|[^"\\\n])*)"/) { interpolations($0.1) }
    }

    private static func interpolations(_ text: Substring) -> String {
        text.matches(of: /\\\(([^"]*?)\)/).map { String($0.1) }.joined(separator: " ")
    }
}
