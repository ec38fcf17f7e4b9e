import Foundation
import SystemImage

@testable import Tool
@testable import Workshop

/// A system on the emulator under test. A test waits for text on its consoles, types, and runs commands in its
/// machines.
///
///     let system = try RunningSystem("examples/two-machines")
///     try system.wait(for: "heartbeat 3", on: "heartbeat")
///     #expect(try system.run("nproc", on: "left").output == "1\n")
///
/// A wait that takes too long throws `SystemFailure`, which shows the last output of the consoles.
final class RunningSystem {
    let manifest: Manifest
    var name: String { manifest.name }
    private let session: Session
    /// The output of each console that no caller has waited for yet.
    private var unread: [UInt8: [UInt8]] = [:]
    /// The last lines of each console.
    private var transcript: [UInt8: [String]] = [:]
    private static let transcriptLength = 30
    private(set) var hasEnded = false

    /// Boots a system.
    ///
    /// - Parameters:
    ///   - path: a manifest, or a folder with a `system.yaml`, relative to the repository.
    ///   - overrides: the values that replace those of the manifest's board.
    ///   - restart: replaces every policy of the manifest, and the console driver's.
    ///   - driver: the program in the console driver's place.
    ///   - programs: the programs of `Guests/Linux` that the named machines get in their root folder.
    ///   - machine: the machine that runs alone, on the bare emulator.
    ///   - breaking: a function of the kernel whose first instruction becomes undefined, as a kernel bug on purpose.
    ///   - change: changes each machine and component of the manifest before it is built.
    init(
        _ path: String, board overrides: BoardOverrides = BoardOverrides(), options: BootOptions = BootOptions(),
        restart: RestartDescription? = nil, consoleDriver driver: String? = nil, programs: [String: String] = [:],
        bare machine: String? = nil,
        breaking function: String? = nil, changing change: (inout TenantDescription) throws -> Void = { _ in }
    ) throws {
        let workspace = Workspace(root: Repository.root)
        var manifest = try workspace.manifest(at: Repository.file(path).path, overriding: overrides)
        if let restart {
            for index in manifest.tenants.indices { manifest.tenants[index].restart = restart }
            manifest.consoleDriverRestart = restart
        }
        if let driver { manifest.consoleDriver = driver }
        for index in manifest.tenants.indices {
            guard case .machine(let machine) = manifest.tenants[index], let program = programs[machine.name] else {
                continue
            }
            let changed = try LinuxWorkload(workspace: workspace, name: program).added(to: machine)
            manifest.tenants[index] = .machine(changed)
        }
        for index in manifest.tenants.indices { try change(&manifest.tenants[index]) }
        self.manifest = manifest
        if let machine {
            guard let description = manifest.machines.first(where: { $0.name == machine }) else {
                throw SystemFailure(description: "\(path) has no machine '\(machine)'")
            }
            session = try PreparedBoot(bare: description, of: manifest, workspace: workspace, options: options)
                .start(workspace: workspace)
            return
        }
        let boot = try PreparedBoot(manifest, workspace: workspace, options: options)
        if let function { try boot.breakKernel(at: function, workspace: workspace) }
        session = try boot.start(workspace: workspace)
    }

    /// The name by which other runs of the tool find it.
    var runName: String { session.files.name }
    var logs: URL { session.files.logs }

    /// Runs the tool while the system goes on.
    func whileItRuns(tool arguments: [String], input: String = "") throws -> (
        status: Int32, output: String, errors: String
    ) {
        let process = Process()
        process.executableURL = Repository.file("entente")
        process.arguments = arguments
        let (feed, output, errors) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (feed, output, errors)
        try process.run()
        try feed.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try feed.fileHandleForWriting.close()
        // The output of these commands fits a pipe.
        while process.isRunning {
            for event in session.wait(timeout: .milliseconds(50)) { keep(event) }
        }
        let texts = [output, errors].map {
            String(decoding: $0.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        return (process.terminationStatus, texts[0], texts[1])
    }

    /// Returns the last lines of a console, as the tool shows them.
    func lines(of console: String) throws -> [String] { transcript[try number(of: console), default: []] }

    deinit { session.end() }

    /// The process number of QEMU.
    var processIdentifier: Int32 { session.processIdentifier }

    /// Waits until a console has printed `text`, and takes everything up to its end.
    ///
    /// - Returns: the output that was taken.
    @discardableResult
    func wait(for text: String, on console: String, timeout: Duration = .seconds(60)) throws -> String {
        let channel = try number(of: console)
        let wanted = Array(text.utf8)
        let deadline = ContinuousClock.now + timeout
        while true {
            if let found = unread[channel]?.firstRange(of: wanted) {
                let taken = unread[channel, default: []].prefix(found.upperBound)
                unread[channel]?.removeFirst(found.upperBound)
                return String(decoding: taken, as: UTF8.self)
            }
            guard !hasEnded else { throw failure("the board went off before '\(console)' said '\(text)'") }
            guard ContinuousClock.now < deadline else {
                throw failure("'\(console)' did not say '\(text)' in \(timeout)")
            }
            listen(for: min(.milliseconds(200), deadline - .now))
        }
    }

    /// Takes what a console has said and nobody has waited for.
    func takeOutput(of console: String) throws -> String {
        let number = try number(of: console)
        defer { unread[number] = [] }
        return String(decoding: unread[number, default: []], as: UTF8.self)
    }

    /// Forgets what a console has said and nobody has waited for.
    func forget(_ console: String) throws { unread[try number(of: console)] = [] }

    /// Types text at a console; a line ends with "\n".
    func type(_ text: String, on console: String) throws { session.type(text.utf8, to: try number(of: console)) }

    /// Runs a command with the shell that waits at a machine's console.
    func run(_ command: String, on machine: String, timeout: Duration = .seconds(60)) throws -> (
        status: Int32, output: String
    ) {
        let channel = try number(of: machine)
        let deadline = ContinuousClock.now + timeout
        var remote = RemoteCommand(command.utf8)
        var output: [UInt8] = []
        // The prompt may have come while the caller waited for something else.
        var actions = remote.heard(unread[channel] ?? [])
        while true {
            for action in actions {
                switch action {
                case .type(let bytes): session.type(bytes, to: channel)
                case .output(let bytes): output += bytes
                case .finished(let status):
                    unread[channel] = remote.leftOver
                    return (status, String(decoding: output, as: UTF8.self))
                case .undecodable: throw failure("'\(machine)' has no working base64")
                }
            }
            guard !hasEnded else { throw failure("the board went off while '\(machine)' ran '\(command)'") }
            guard ContinuousClock.now < deadline else {
                throw failure("'\(machine)' did not end '\(command)' in \(timeout)")
            }
            unread[channel] = []
            listen(for: min(.milliseconds(200), deadline - .now))
            actions = remote.heard(unread[channel] ?? []) + remote.nudge()
        }
    }

    /// Lets the system run for a while, and keeps its output.
    func listen(for duration: Duration) {
        let end = ContinuousClock.now + duration
        repeat {
            for event in session.wait(timeout: max(.zero, end - .now)) { keep(event) }
        } while ContinuousClock.now < end && !hasEnded && unread.values.allSatisfy(\.isEmpty)
    }

    /// Waits until the board has switched itself off.
    func waitForEnd(timeout: Duration = .seconds(30)) throws {
        let deadline = ContinuousClock.now + timeout
        while !hasEnded {
            guard ContinuousClock.now < deadline else { throw failure("the board did not go off in \(timeout)") }
            for event in session.wait(timeout: .milliseconds(200)) { keep(event) }
        }
    }

    private func keep(_ event: Session.Event) {
        switch event {
        case .output(let channel, let bytes): unread[channel, default: []] += bytes
        case .line(let channel, let text):
            transcript[channel] = (transcript[channel, default: []] + [text]).suffix(RunningSystem.transcriptLength)
        case .ended: hasEnded = true
        case .readable: break
        }
    }

    private func number(of console: String) throws -> UInt8 {
        guard let channel = session.channels[named: console] else {
            throw failure(
                "the system has no console '\(console)', but: \(session.channels.map(\.name).joined(separator: ", "))")
        }
        return channel.number
    }

    private func failure(_ what: String) -> SystemFailure {
        let lines = transcript.sorted { $0.key < $1.key }.flatMap(\.value)
        return SystemFailure(
            description: (["\(name): \(what); the consoles' last lines:"] + lines).joined(separator: "\n  "))
    }
}

struct SystemFailure: Error, CustomStringConvertible {
    var description: String
}

/// The place of the repository to which these tests belong.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static func file(_ path: String) -> URL { root.appendingPathComponent(path) }
}
