import Foundation
import SystemImage

/// A package of Debian in a certain version.
struct DebianPackage: Equatable {
    var name: String
    var version: String
    var architecture: String

    /// The name of its file as apt stores it.
    var fileName: String { "\(name)_\(version.replacing(":", with: "%3a"))_\(architecture).deb" }
}

// Sets of packages that are complete, so that all dependencies are in the set.
extension PrivateApt {
    /// Returns packages with everything that they depend on. Each package follows those that must be installed before
    /// it, as apt decides it for a system that has none yet.
    func closure(of packages: [String]) throws -> [DebianPackage] {
        let text: String
        do {
            text = try apt("apt-get", arguments("-s", packages)).text()
        } catch let failure as Failure {
            throw Failure(
                "Debian's packages for the disk cannot be chosen: \(failure.problem)",
                remedy:
                    "correct the names below 'packages' of the manifest; 'apt-cache policy NAME' tells whether a package exists"
            )
        }
        return try PrivateApt.installed(inSimulation: text)
    }

    /// Fetches packages with everything that they depend on, and checks their signatures.
    ///
    /// - Returns: the folder with their files.
    func download(closureOf packages: [String]) throws -> URL {
        _ = try apt("apt-get", arguments("--download-only", packages)).output()
        return folder.appendingPathComponent("cache/archives")
    }

    /// Fetches packages with everything that they depend on, and unpacks all of them into one folder.
    package func unpack(closureOf packages: [String], into destination: URL) throws {
        try update()
        let needed = try closure(of: packages)
        let archives = try download(closureOf: packages)
        for package in needed {
            let archive = archives.appendingPathComponent(package.fileName)
            try Subprocess("dpkg-deb", ["-x", archive.path, destination.path]).run()
        }
    }

    private func arguments(_ mode: String, _ packages: [String]) -> [String] {
        ["install", mode, "-y", "--no-install-recommends"] + packages
    }

    /// Returns the packages in the lines `Inst NAME (VERSION ARCHIVE [ARCHITECTURE])` of a simulated installation.
    static func installed(inSimulation text: String) throws -> [DebianPackage] {
        try text.split(separator: "\n").filter { $0.hasPrefix("Inst ") }.map { line in
            guard let match = line.firstMatch(of: /^Inst (\S+) \((\S+) .*\[(\S+)\]\)/) else {
                throw Failure("apt-get prints a line that the tool does not know: '\(line)'")
            }
            let name = match.1.split(separator: ":").first.map(String.init) ?? ""
            return DebianPackage(name: name, version: String(match.2), architecture: String(match.3))
        }
    }

    /// Returns the lines of a list of sources for a system of its own, which has the same archives as this one.
    func sourcesOfGuest() throws -> String {
        let text = try String(contentsOf: folder.appendingPathComponent("sources.list"), encoding: .utf8)
        return text.replacing(#/\[[^\]]*\] /#, with: "")
    }
}
