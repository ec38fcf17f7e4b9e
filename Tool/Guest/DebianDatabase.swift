import Foundation
import SystemImage

/// The database of dpkg for packages that were unpacked without dpkg, because that runs the programs of the packages,
/// which are programs for another architecture.
struct DebianDatabase {
    /// One package, from its archive.
    struct Entry {
        var package: DebianPackage
        /// The control file.
        var control: String
        /// The text of `triggers`, or nil.
        var triggers: String?
        /// The MD5 sums of the files of configuration, by path.
        var configuration: [(path: String, sum: String)] = []

        /// The name of the package's files in the database. Packages of which several architectures can be installed at
        /// a time have theirs in the name.
        var baseName: String {
            let isShared = control.split(separator: "\n").contains { $0.lowercased() == "multi-arch: same" }
            return isShared ? "\(package.name):\(package.architecture)" : package.name
        }
    }

    var entries: [Entry] = []

    /// The file `status`. All packages are unpacked, and wait for their configuration.
    var status: String {
        entries.map { entry in
            var lines: [String] = []
            for line in entry.control.split(separator: "\n", omittingEmptySubsequences: true) {
                lines.append(String(line))
                if line.hasPrefix("Package:") { lines.append("Status: install ok unpacked") }
            }
            if !entry.configuration.isEmpty {
                lines.append("Conffiles:")
                lines += entry.configuration.map { " \($0.path) \($0.sum)" }
            }
            return lines.joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }

    /// The files below `triggers`, by name. dpkg writes them when it unpacks a package, and looks there for packages
    /// that wait for changes of a path (in `File`) or for a named trigger (deb-triggers(5)).
    var triggers: [String: String] {
        var files: [String: String] = [:]
        for entry in entries {
            for line in (entry.triggers ?? "").split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.count == 2, words[0].hasPrefix("interest") else { continue }
                let waiter = entry.baseName + (words[0] == "interest-noawait" ? "/noawait" : "")
                if words[1].hasPrefix("/") {
                    files["File", default: ""] += "\(words[1]) \(waiter)\n"
                } else {
                    files[String(words[1]), default: ""] += "\(waiter)\n"
                }
            }
        }
        return files
    }

    /// Returns the paths of a package's `conffiles` that it ships. A path behind a word, as in `remove-on-upgrade
    /// PATH`, is one that it does not ship.
    static func configurationPaths(in text: String) -> [String] {
        text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("/") }
    }
}
