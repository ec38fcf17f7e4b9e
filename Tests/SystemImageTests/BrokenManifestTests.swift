import Foundation
import Testing

@testable import SystemImage

/// Each file of `Tests/Manifests` is broken, and the file beside it holds the exact text for the user.
@Suite struct BrokenManifestTests {
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: Repository.manifests.path)) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted()

    @Test func thereAreEnough() {
        #expect(Self.names.count >= 25)
    }

    @Test(arguments: names)
    func isRefusedWithItsMessage(name: String) throws {
        let path = Repository.manifests.appendingPathComponent(name).path
        let expectedFile = URL(fileURLWithPath: path).deletingPathExtension().appendingPathExtension("expected")
        let message = #expect(throws: Failure.self) { try Manifest.load(path: path) }?.description ?? ""
        let shown = message.replacingOccurrences(of: path, with: name) + "\n"
        if ProcessInfo.processInfo.environment["ENTENTE_UPDATE_EXPECTED"] != nil {
            try Data(shown.utf8).write(to: expectedFile)
        }
        #expect(shown == (try? String(contentsOf: expectedFile, encoding: .utf8)))
    }

    @Test func aMissingManifestIsReported() {
        let error = #expect(throws: Failure.self) { try Manifest.load(path: "no/such/system.yaml") }
        #expect(error?.description.hasPrefix("no/such/system.yaml:1:1: error: there is no such file") == true)
    }
}
