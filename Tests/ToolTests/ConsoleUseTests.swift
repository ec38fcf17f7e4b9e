import ABI
import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

private let consoles = [
    Channel(name: "kernel", kind: .kernel, number: 0), Channel(name: "root", kind: .root, number: 1),
    Channel(name: "serial", kind: .component, number: 2), Channel(name: "left", kind: .machine, number: 3),
    Channel(name: "heartbeat", kind: .component, number: 4), Channel(name: "heart", kind: .component, number: 5),
]

@Suite struct QuestionTests {
    private func keys(_ text: String) -> [KeyCommands.Action] {
        var keys = KeyCommands()
        return keys.take(text.utf8)
    }

    @Test func aCommandAsksForAName() {
        #expect(
            keys("\u{1}Cro\u{7F}x\r!") == [
                .ask(.attach, typed: ""), .ask(.attach, typed: "r"), .ask(.attach, typed: "ro"),
                .ask(.attach, typed: "r"),
                .ask(.attach, typed: "rx"), .answer(.attach, name: "rx"), .type([UInt8(ascii: "!")]),
            ])
        #expect(keys("\u{1}R\r") == [.ask(.restart, typed: ""), .answer(.restart, name: "")])
        #expect(keys("\u{1}w") == [.typeSize])
    }

    @Test(arguments: ["\u{1}", "\u{3}", "\u{1B}"])
    func aQuestionIsForgotten(key: String) {
        #expect(keys("\u{1}M\(key)x") == [.ask(.mute, typed: ""), .forget, .type([UInt8(ascii: "x")])])
    }

    /// A console of another run cannot turn to other consoles, so the tool must not swallow input behind such a key.
    @Test(arguments: ["C", "R", "M", "N", "L", "1"])
    func aConsoleAsksNothing(key: String) {
        var keys = KeyCommands(use: .console)
        #expect(keys.take("\u{1}\(key)y\u{1}x\u{1}?".utf8) == [.type([UInt8(ascii: "y")]), .quit, .help])
    }

    /// A key that is held down, or a paste, does not make the name longer, and types nothing at the machine.
    @Test func aNameIsBounded() {
        let actions = keys("\u{1}C" + String(repeating: "n", count: 1000))
        #expect(actions.last == .ask(.attach, typed: String(repeating: "n", count: 64)))
    }

    @Test func aNameMayBeShortened() {
        #expect(consoles.meant(by: "ro")?.name == "root")
        #expect(consoles.meant(by: "heart")?.name == "heart")
        #expect(consoles.meant(by: "hear") == nil)
        #expect(consoles.meant(by: "nobody") == nil)
    }
}

@Suite struct LineFilterTests {
    private func verdicts(_ filter: Filter) -> [LineFilter.Verdict] {
        consoles.map { filter.verdict(on: $0) }
    }

    /// A heartbeat may not break into what a user reads and types, and a fault may not go unseen.
    @Test func thePromptHidesWhatIsUnimportant() {
        let filter = Filter()
        #expect(verdicts(filter) == [.show, .show, .show, .hide, .show, .show])
        #expect(filter.sawPrompt())
        #expect(!filter.sawPrompt())
        #expect(verdicts(filter) == [.showAtPrompt, .showAtPrompt, .hide, .hide, .hide, .hide])
    }

    @Test func aKeyBringsThemBackForGood() {
        let filter = Filter()
        _ = filter.sawPrompt()
        #expect(filter.toggle())
        #expect(!filter.sawPrompt())
        #expect(verdicts(filter) == [.show, .show, .show, .hide, .show, .show])
        #expect(!filter.toggle())
        #expect(filter.verdict(on: consoles[4]) == .hide)
    }

    @Test func oneIsMutedAmongAll() {
        let filter = Filter()
        #expect(!filter.toggle(consoles[4]))
        #expect(verdicts(filter) == [.show, .show, .show, .hide, .hide, .show])
        #expect(!filter.toggle())
        #expect(filter.toggle())
        #expect(filter.verdict(on: consoles[4]) == .hide)
        #expect(filter.toggle(consoles[4]))
    }

    @Test func oneIsShownAmongHidden() {
        let filter = Filter()
        _ = filter.sawPrompt()
        #expect(filter.toggle(consoles[4]))
        #expect(verdicts(filter) == [.showAtPrompt, .showAtPrompt, .hide, .hide, .show, .hide])
    }
}

@Suite struct ControlServerTests {
    /// Serves clients until the client's thread has ended.
    private func serve(
        _ server: ControlServer, while client: @escaping @Sendable () throws -> Void
    ) throws -> [UInt8: String] {
        let done = Flag()
        Thread.detachNewThread {
            do { try client() } catch { Issue.record(error) }
            done.set()
        }
        var typed: [UInt8: String] = [:]
        while !done.isSet {
            var polled = server.polled(takesInput: true)
            poll(&polled, nfds_t(polled.count), 10)
            for input in server.serve(polled) {
                typed[input.channel, default: ""] += String(decoding: input.bytes, as: UTF8.self)
                server.said(Array("heard \(input.bytes.count)\n".utf8), by: input.channel)
            }
        }
        return typed
    }

    @Test func aClientTypesAndHears() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let files = try RunFiles("system", workspace: workspace)
        let typed = try serve(try ControlServer(files: files, channels: consoles)) {
            let console = try ConsoleClient("heartb", of: nil, workspace: workspace)
            #expect(console.name == "heartbeat")
            try console.type("hello".utf8)
            #expect(console.read(patience: .seconds(5)) == Array("heard 5\n".utf8))
        }
        #expect(typed == [4: "hello"])
    }

    @Test func aMissingConsoleIsReported() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        #expect(throws: Failure.self) { try ConsoleClient("root", of: nil, workspace: workspace) }
        let files = try RunFiles("system", workspace: workspace)
        _ = try serve(try ControlServer(files: files, channels: consoles)) {
            let unknown = #expect(throws: Failure.self) {
                try ConsoleClient("nobody", of: "system", workspace: workspace)
            }
            #expect(
                unknown?.problem.hasPrefix("no console has the name 'nobody'; the consoles are: kernel, root") == true)
            let other = #expect(throws: Failure.self) { try ConsoleClient("root", of: "other", workspace: workspace) }
            #expect(other?.problem == "no system named 'other' runs, but 'system'")
        }
    }

    /// Only this account may use the socket, and other threads' files keep their permissions.
    @Test func theSocketIsForThisAccount() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        try workspace.make(workspace.root)
        let file = workspace.root.appendingPathComponent("control")
        let socket = try LocalSocket.listen(at: file)
        defer { close(socket) }
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    /// Clients that never read, and clients without end, cost the session bounded memory and no wait.
    @Test func hostileClientsAreCutOff() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let files = try RunFiles("system", workspace: workspace)
        let server = try ControlServer(files: files, channels: consoles)
        let text = [UInt8](repeating: 0x61, count: 1 << 16)
        _ = try serve(server) {
            let endless = try #require(try LocalSocket.connect(to: files.control).socket)
            try? StandardStreams.write([UInt8](repeating: 0x61, count: 200), to: endless)
            var byte: UInt8 = 0
            #expect(recv(endless, &byte, 1, 0) <= 0)
            close(endless)
        }
        let deaf = try #require(try LocalSocket.connect(to: files.control).socket)
        try StandardStreams.write("root\n".utf8, to: deaf)
        var polled = server.polled(takesInput: true)
        poll(&polled, nfds_t(polled.count), 1000)
        _ = server.serve(polled)
        polled = server.polled(takesInput: true)
        poll(&polled, nfds_t(polled.count), 1000)
        _ = server.serve(polled)
        #expect(server.polled(takesInput: true).count == 2)
        for _ in 0..<100 { server.said(text, by: 1) }
        #expect(server.polled(takesInput: true).count == 1)
        close(deaf)
    }

    /// A run whose terminal is stopped serves no client. Neither a connection nor typed bytes wait for it without end.
    @Test func aRunThatDoesNotAnswerIsSaidSo() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let files = try RunFiles("system", workspace: workspace)
        let server = try ControlServer(files: files, channels: consoles)
        // These are more than the listener's queue holds.
        for _ in 0..<12 {
            let failure = #expect(throws: Failure.self) {
                try ConsoleClient("root", of: nil, workspace: workspace, patience: .milliseconds(20))
            }
            #expect(failure?.problem.hasPrefix("the run of 'system' does not answer") == true)
        }
        let full = try (0..<12).compactMap { _ in
            try LocalSocket.connect(to: files.control, patience: .milliseconds(20)).socket
        }
        let failure = #expect(throws: Failure.self) {
            try ConsoleClient("root", of: "system", workspace: workspace, patience: .milliseconds(20))
        }
        #expect(failure?.status == ExitStatus.timeout)
        full.forEach { close($0) }
        withExtendedLifetime(server) {}
    }

    /// The tool would otherwise end by SIGPIPE, without a message.
    @Test func typingAtASystemThatEndedIsAnError() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let files = try RunFiles("system", workspace: workspace)
        var server: ControlServer? = try ControlServer(files: files, channels: consoles)
        let console = Box<ConsoleClient>()
        _ = try serve(try #require(server)) { console.value = try ConsoleClient("root", of: nil, workspace: workspace) }
        server = nil
        let failure = #expect(throws: Failure.self) { for _ in 0..<10 { try console.value?.type("x".utf8) } }
        #expect(failure?.problem == "the system ended" && failure?.status == ExitStatus.connectionLost)
    }

    @Test func systemsAreToldApart() throws {
        let workspace = try makeWorkspace()
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let places = try (0..<2).map { _ in try RunFiles("system", workspace: workspace) }
        let servers = try places.map { try ControlServer(files: $0, channels: consoles) }
        let failure = #expect(throws: Failure.self) { try ConsoleClient("root", of: nil, workspace: workspace) }
        #expect(failure?.problem == "several systems run: 'system', 'system.2'")
        #expect(failure?.remedy == "name one of them by --system")
        #expect(servers.count == 2)
    }
}

@Suite struct RestartAnswerTests {
    @Test func rootsAnswerIsFound() {
        let answer = Answer()
        let first = "kill left\n[   1.5] root: kill: left\n[ 1.6] restart: left, 1 of 3\nback: leftover, l"
        #expect(answer.outcome(of: Array(first.utf8)) == nil)
        let second = "ife 2\n[    9.1] back: left, life 2, built in 3 us\n"
        #expect(answer.outcome(of: Array(second.utf8)) == .back("back: left, life 2, built in 3 us"))
    }

    @Test(arguments: ["limit: left stays stopped", "left is beyond its limit; limit: group pair stays stopped"])
    func oneThatStaysStoppedIsRecognised(line: String) {
        let answer = Answer()
        #expect(answer.outcome(of: Array("[ 1.0] \(line)\n".utf8)) == .stopped(line))
    }

    @Test func anUnknownNameIsRefused() {
        let line = "no tenant has this name; 'restarts' lists the names"
        let answer = Answer()
        #expect(answer.outcome(of: Array("[ 1.0] \(line)\n".utf8)) == .refused(line))
    }

    /// Root's list tells a tenant that comes back from one that stays stopped. A list that root printed before the
    /// question does not count.
    @Test(arguments: [
        ("left: stays stopped, died 4 times", RestartAnswer.Outcome.stopped("left: stays stopped, died 4 times")),
        ("left: waits for its restart, died 2 times", nil),
        ("left: runs, died 2 times", .back("left: runs, died 2 times")),
    ])
    func oneThatIsDeadIsWaitedForIfItComesBack(line: String, outcome: RestartAnswer.Outcome?) {
        let answer = Answer()
        #expect(answer.outcome(of: Array("\(line)\n".utf8)) == nil)
        #expect(answer.outcome(of: Array("this tenant is dead already\n".utf8)) == .dead)
        #expect(answer.outcome(of: Array("leftover: stays stopped, died 1 times\n\(line)\n".utf8)) == outcome)
    }

    /// The group restarts, and brings the tenant back.
    @Test func theGroupMayAnswer() {
        let answer = Answer()
        #expect(
            answer.outcome(
                of: Array("left is beyond its limit; restart: group pair, 1 of 3\nback: left, life 9, built\n".utf8))
                == .back("back: left, life 9, built"))
    }
}

/// A filter that changes inside of an expectation.
private final class Filter {
    private var filter = LineFilter()
    func verdict(on channel: Channel) -> LineFilter.Verdict { filter.verdict(on: channel) }
    func sawPrompt() -> Bool { filter.sawPrompt() }
    func toggle() -> Bool { filter.toggle() }
    func toggle(_ channel: Channel) -> Bool { filter.toggle(channel) }
}

/// An answer that grows inside of an expectation.
private final class Answer {
    private var answer = RestartAnswer(name: "left")
    func outcome(of bytes: [UInt8]) -> RestartAnswer.Outcome? { answer.heard(bytes) }
}

/// A value that one thread makes for another, which waits for it.
private final class Box<Value>: @unchecked Sendable { var value: Value? }

/// A flag that one thread sets for another.
private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    func set() { lock.withLock { value = true } }
    var isSet: Bool { lock.withLock { value } }
}
