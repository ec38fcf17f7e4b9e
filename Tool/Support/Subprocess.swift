import Foundation
import SystemImage

/// A program that the tool runs to its end.
package struct Subprocess {
    /// A name, which the system searches in PATH, or a path with a slash.
    package var program: String
    package var arguments: [String]
    /// The variables that are added to the tool's own environment.
    package var environment: [String: String] = [:]
    package var directory: URL?

    package init(_ program: String, _ arguments: [String], environment: [String: String] = [:], directory: URL? = nil) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
    }

    /// Runs the program. Both its outputs go to standard error, because standard output belongs to the result.
    ///
    /// - Throws: `Failure` if the program cannot be started or does not end with status 0.
    package func run() throws {
        let process = try start(output: FileHandle.standardError, errors: FileHandle.standardError)
        process.waitUntilExit()
        try check(process, said: "")
    }

    /// Runs the program, and writes both its outputs into a file.
    ///
    /// - Throws: as `run()`.
    package func run(into file: FileHandle) throws {
        let process = try start(output: file, errors: file)
        process.waitUntilExit()
        try check(process, said: "")
    }

    /// Runs the program and returns its standard output. Text on its standard error appears only if it fails.
    package func output() throws -> Data {
        let output = Pipe()
        let messages = try TemporaryFile()
        defer { messages.remove() }
        let process = try start(output: output.fileHandleForWriting, errors: messages.handle)
        try output.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try check(process, said: messages.text)
        return data
    }

    /// Runs the program to any end. Returns its status, or 128 plus the number of the signal that ended it, and all of
    /// its output.
    package func outcome() throws -> (status: Int32, text: String) {
        let messages = try TemporaryFile()
        defer { messages.remove() }
        let process = try start(output: messages.handle, errors: messages.handle)
        process.waitUntilExit()
        let status = process.terminationStatus
        return (process.terminationReason == .exit ? status : 128 + status, messages.text)
    }

    /// Returns `output()` as text, without the last line feed.
    package func text() throws -> String {
        let text = String(decoding: try output(), as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    /// Returns the place of `program` in PATH, or nil. It takes the compiler's tools from the toolchain that has
    /// `swift`, because other versions in PATH may be too old for the compiler's output.
    package static func find(_ program: String) -> String? {
        if program.contains("/") { return FileManager.default.isExecutableFile(atPath: program) ? program : nil }
        if ["llvm-", "ld.lld", "clang", "docc"].contains(where: program.hasPrefix), let swift = find("swift") {
            let sibling = URL(fileURLWithPath: swift).resolvingSymlinksInPath().deletingLastPathComponent()
                .appendingPathComponent(program).path
            if FileManager.default.isExecutableFile(atPath: sibling) { return sibling }
        }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        // Debian keeps some tools out of an ordinary user's PATH.
        return (folders + ["/usr/sbin", "/sbin"]).map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private func start(output: FileHandle, errors: FileHandle) throws -> Process {
        guard let path = Subprocess.find(program) else {
            throw Failure(
                "the program '\(program)' is not installed", remedy: "start the tool by ./entente, which installs it")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return process
    }

    private func check(_ process: Process, said messages: String) throws {
        guard process.terminationReason != .exit || process.terminationStatus != 0 else { return }
        let how = process.terminationReason == .exit ? "status" : "signal"
        let detail = messages.isEmpty ? "" : ":\n" + messages
        throw Failure(
            "'\(([program] + arguments).joined(separator: " "))' ended with \(how) \(process.terminationStatus)\(detail)"
        )
    }
}

/// A file for the output of a program, which may be more than a pipe holds while no one reads.
private struct TemporaryFile {
    let url: URL
    let handle: FileHandle

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
        guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
            let code = errno
            throw Failure(
                "cannot create the file \(url.path): \(String(cString: strerror(code)))",
                remedy: [ENOSPC, EDQUOT].contains(code)
                    ? "free some space there, or set TMPDIR to a folder that has some"
                    : "make the folder writable, or set TMPDIR to one that is")
        }
        handle = try FileHandle(forWritingTo: url)
    }

    var text: String { (try? String(contentsOf: url, encoding: .utf8)) ?? "" }

    func remove() {
        try? handle.close()
        try? FileManager.default.removeItem(at: url)
    }
}
