import Foundation

@testable import SystemImage

/// The repository's files, found from the place of this file.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let manifests = root.appendingPathComponent("Tests/Manifests")

    static func files(in folder: String, withExtension suffix: String) -> [URL] {
        let url = root.appendingPathComponent(folder)
        let names = FileManager.default.enumerator(atPath: url.path)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix("." + suffix) }.sorted().map { url.appendingPathComponent($0) }
    }
}

/// Runs a program and returns its standard output.
func run(_ name: String, _ arguments: [String], input: Data? = nil) throws -> Data {
    struct Failure: Error { var status: Int32 }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    let (output, feed) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = feed
    try process.run()
    let writer = Thread {
        try? feed.fileHandleForWriting.write(contentsOf: input ?? Data())
        try? feed.fileHandleForWriting.close()
    }
    writer.start()
    let result = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
    return result
}
