import Foundation

// SwiftPM keeps a plan of each build, which lists the sources. It looks for files that came or went in the package that
// it builds, but not in the packages on which that one depends, so after a pull the build would fail, or leave files
// out.

extension Workspace {
    /// The packages on which others depend, below the root.
    private static let libraries = ["Kit", "Kernel", "Machines", "Services", "Components"]

    /// Deletes the plans in a scratch folder of SwiftPM that are older than a change of a folder in this repository's
    /// libraries, so that SwiftPM looks for their files again.
    package func dropStalePlans(in scratch: URL) {
        let changes = Self.libraries.compactMap {
            FileManager.default.newestFolder(in: root.appendingPathComponent($0))
        }
        guard let changed = changes.max() else { return }
        for name in ["release.yaml", "debug.yaml"] {
            let plan = scratch.appendingPathComponent(name)
            if let planned = plan.modified, planned <= changed { try? FileManager.default.removeItem(at: plan) }
        }
    }
}
