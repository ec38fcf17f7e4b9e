import Foundation
import Testing

@testable import SystemImage

@Suite struct ManifestExamplesTests {
    @Test(arguments: Repository.files(in: "examples", withExtension: "yaml"))
    func exampleIsValid(file: URL) throws {
        let manifest = try Manifest.load(path: file.path)
        #expect(!manifest.tenants.isEmpty)
    }
}
