import Foundation
import Testing

@testable import SystemImage

/// Each file of `Tests/Manifests/warnings` is accepted, and the file beside it holds the exact warnings for the user.
@Suite struct WarningTests {
    static let folder = Repository.manifests.appendingPathComponent("warnings")

    @Test(arguments: Repository.files(in: "Tests/Manifests/warnings", withExtension: "yaml"))
    func isAcceptedWithItsWarnings(file: URL) throws {
        let manifest = try Manifest.load(path: file.path)
        let shown =
            manifest.warnings.map(\.description).joined(separator: "\n")
            .replacingOccurrences(of: file.path, with: file.lastPathComponent) + "\n"
        let expectedFile = file.deletingPathExtension().appendingPathExtension("expected")
        if ProcessInfo.processInfo.environment["ENTENTE_UPDATE_EXPECTED"] != nil {
            try Data(shown.utf8).write(to: expectedFile)
        }
        #expect(shown == (try? String(contentsOf: expectedFile, encoding: .utf8)))
    }

    /// On a board of one core every tenant shares the driver's core.
    @Test func theCommandLinesCoresCount() throws {
        let path = Self.folder.appendingPathComponent("console-driver.yaml").path
        let onTwo = try Manifest.load(path: path)
        let onOne = try Manifest.load(path: path, overriding: BoardOverrides(cores: 1))
        let count = { (manifest: Manifest) in manifest.warnings.count { $0.problem.contains("the console driver") } }
        #expect(count(onOne) == count(onTwo) + 2)
    }

    @Test(arguments: Repository.files(in: "examples", withExtension: "yaml"))
    func examplesHaveNone(file: URL) throws {
        #expect(try Manifest.load(path: file.path).warnings.isEmpty)
    }
}
