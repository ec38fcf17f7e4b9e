import Foundation
import SystemImage

/// A configuration of apt with a state of its own. It uses the sources, the keys and the proxy settings of the user's
/// system, and checks signatures as the system does. It changes nothing outside of its folder, and needs no rights.
package struct PrivateApt {
    let folder: URL
    let architecture: String

    package init(folder: URL, architecture: String) { (self.folder, self.architecture) = (folder, architecture) }

    private var configuration: URL { folder.appendingPathComponent("apt.conf") }
    private var sourceList: URL { folder.appendingPathComponent("sources.list") }
    private static let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

    /// Prepares the folder and fetches the package lists.
    func update() throws {
        try writeConfiguration()
        try apt("apt-get", ["update"]).run()
    }

    /// Returns the first package named `prefix…` on which `package` depends.
    func dependency(of package: String, startingWith prefix: String) throws -> String {
        let record = try apt("apt-cache", ["show", "--no-all-versions", package]).text()
        guard let name = PrivateApt.dependency(inRecord: record, startingWith: prefix) else {
            throw Failure(
                "the package \(package) depends on no package named \(prefix)…",
                remedy: "name 'kernel:' and 'initrd:' files in the manifest instead of 'guest: debian'")
        }
        return name
    }

    static func dependency(inRecord record: String, startingWith prefix: String) -> String? {
        for line in record.split(separator: "\n") where line.hasPrefix("Depends:") {
            let names = line.dropFirst("Depends:".count).split(separator: ",").compactMap {
                $0.split(separator: " ").first
            }
            if let name = names.first(where: { $0.hasPrefix(prefix) }) { return String(name) }
        }
        return nil
    }

    /// Fetches packages, checks their signatures and unpacks each into `folder/NAME`.
    func unpack(_ packages: [String], into destination: URL) throws {
        let downloads = destination.appendingPathComponent("downloads")
        try FileManager.default.createDirectory(at: downloads, withIntermediateDirectories: true)
        var download = apt("apt-get", ["download"] + packages)
        download.directory = downloads
        try download.run()
        let files = try FileManager.default.contentsOfDirectory(at: downloads, includingPropertiesForKeys: nil)
        for package in packages {
            guard let file = files.first(where: { $0.lastPathComponent.hasPrefix(package + "_") }) else {
                throw Failure("apt-get downloaded no file for the package \(package)")
            }
            try Subprocess("dpkg-deb", ["-x", file.path, destination.appendingPathComponent(package).path]).run()
        }
    }

    func apt(_ program: String, _ arguments: [String]) -> Subprocess {
        Subprocess(program, ["-c", configuration.path] + arguments, environment: ["DEBIAN_FRONTEND": "noninteractive"])
    }

    private func writeConfiguration() throws {
        for path in ["state/lists/partial", "cache/archives/partial", "sources.d"] {
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent(path), withIntermediateDirectories: true)
        }
        try Data().write(to: folder.appendingPathComponent("status"))
        try Data(configurationText.utf8).write(to: configuration)
        try Data(try sourceLines().joined(separator: "\n").utf8).write(to: sourceList)
    }

    /// The text of the configuration. It clears the system's own hooks, which clean the system's caches and notify its
    /// services.
    private var configurationText: String {
        """
        #clear APT::Architectures;
        APT::Architecture "\(architecture)";
        APT::Architectures { "\(architecture)"; };
        #clear APT::Update::Pre-Invoke;
        #clear APT::Update::Post-Invoke;
        #clear APT::Update::Post-Invoke-Success;
        #clear Dir::Cache::pkgcache;
        #clear Dir::Cache::srcpkgcache;
        APT::Sandbox::User "root";
        Acquire::Languages "none";
        Dir::State "\(folder.path)/state";
        Dir::State::status "\(folder.path)/status";
        Dir::Cache "\(folder.path)/cache";
        Dir::Etc::sourcelist "\(sourceList.path)";
        Dir::Etc::sourceparts "\(folder.path)/sources.d";
        Dir::Etc::preferencesparts "\(folder.path)/sources.d";

        """
    }

    /// Returns one line for each of the system's Debian sources, for the guest's architecture.
    private func sourceLines() throws -> [String] {
        let format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
        let targets = try Subprocess("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).text()
        let release = try PrivateApt.releaseName(
            inFile: (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? "")
        let signedBy =
            FileManager.default.fileExists(atPath: PrivateApt.keyring) ? "signed-by=\(PrivateApt.keyring)" : nil
        let lines = PrivateApt.sourceLines(
            targets: targets, release: release, options: ["arch=\(architecture)", signedBy].compactMap { $0 })
        guard !lines.isEmpty else {
            throw Failure(
                "apt has no source of Debian packages for the release '\(release)'",
                remedy: "name 'kernel:' and 'initrd:' files in the manifest instead of 'guest: debian'")
        }
        return lines + [""]
    }

    /// Selects Debian's own main archives among `URI|release|component` lines. Other archives of a user have other
    /// release or component names, and may lack packages for the guest's architecture.
    static func sourceLines(targets: String, release: String, options: [String]) -> [String] {
        let releases = [release, "stable"].flatMap { [$0, "\($0)-updates", "\($0)-security"] }
        var lines: [String] = []
        for target in targets.split(separator: "\n") {
            let fields = target.split(separator: "|", omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2] == "main", releases.contains(String(fields[1])) else { continue }
            let line = "deb [\(options.joined(separator: " "))] \(fields[0]) \(fields[1]) \(fields[2])"
            if !lines.contains(line) { lines.append(line) }
        }
        return lines
    }

    static func releaseName(inFile text: String) throws -> String {
        let key = "VERSION_CODENAME="
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else {
            throw Failure(
                "this system does not say which Debian release it is (/etc/os-release)",
                remedy: "name 'kernel:' and 'initrd:' files in the manifest instead of 'guest: debian'")
        }
        return line.dropFirst(key.count).trimmingCharacters(in: CharacterSet(charactersIn: "\""))
    }
}
