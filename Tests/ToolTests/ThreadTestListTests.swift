import Foundation
import Testing

/// The thread sanitizer runs the tests that `Tests/Package.swift` lists. A test with threads that is missing there
/// would never be looked at.
@Suite struct ThreadTestListTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Returns the files of a target whose tests start threads.
    private func filesWithThreads(of target: String) throws -> [String] {
        let folder = Self.root.appendingPathComponent("Tests/\(target)")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { name in
            guard name.hasSuffix(".swift") else { return false }
            let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            return text.contains(
                /\bThread( \{|\(\) \{|\(block)|\bCoreThread\(|\bconcurrentPerform\b|\bpthread_create\b/)
        }
    }

    @Test func listsEveryTestWithThreads() throws {
        let package = try String(contentsOf: Self.root.appendingPathComponent("Tests/Package.swift"), encoding: .utf8)
        let list = try #require(package.firstMatch(of: /let threadTests = \[([^\]]*)\]/)).1
        let found = try filesWithThreads(of: "KernelCoreTests")
        #expect(found.count >= 5)
        for file in found { #expect(list.contains("\"\(file.dropLast(".swift".count))\""), "\(file)") }
    }

    @Test(arguments: ["InterleavingTests", "SupervisionTests", "SerialConsoleTests", "DiskPoolTests"])
    func othersHaveNone(target: String) throws {
        #expect(try filesWithThreads(of: target) == [])
    }
}
