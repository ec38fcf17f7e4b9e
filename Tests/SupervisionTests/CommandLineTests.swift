import Testing

@testable import Supervision

@Suite struct CommandLineTests {
    private func command(_ text: String) -> CommandLine.Command {
        var line = CommandLine()
        for byte in text.utf8 { _ = line.accept(byte) }
        return line.command
    }

    private func asked(_ text: String) -> String? {
        guard case .state(let name) = command(text) else { return nil }
        return String(decoding: (0..<32).map { name[$0] }.prefix { $0 != 0 }, as: UTF8.self)
    }

    private func killed(_ text: String) -> String? {
        guard case .kill(let name) = command(text) else { return nil }
        return String(decoding: (0..<32).map { name[$0] }.prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test func commandsAreWords() {
        if case .help = command("  help ") {} else { Issue.record("help") }
        if case .restarts = command("restarts") {} else { Issue.record("restarts") }
        if case .nothing = command("   ") {} else { Issue.record("nothing") }
        #expect(killed("kill heartbeat") == "heartbeat" && killed(" kill  a-b_1 ") == "a-b_1")
        #expect(asked("state debian") == "debian" && killed("state debian") == nil && asked("kill debian") == nil)
    }

    @Test(arguments: [
        "kill", "state", "states d", "machine debian", "killall", "kil x", "kill a b", "help me", "restart",
    ])
    func everythingElseIsUnknown(text: String) {
        if case .unknown = command(text) {} else { Issue.record("'\(text)' was understood") }
    }

    @Test func aLineCanBeCorrectedAndHasAnEnd() {
        var line = CommandLine()
        #expect(line.accept(0x7F) == .none && line.accept(0x68) == .added && line.accept(0x08) == .removed)
        #expect(line.accept(0x0D) == .ended && line.accept(0x1B) == .none)
        for _ in 0..<CommandLine.capacity { #expect(line.accept(0x61) == .added) }
        #expect(line.accept(0x61) == .none)
        line.clear()
        #expect(line.accept(0x61) == .added)
    }

    @Test func longNamesAreCut() {
        #expect(killed("kill " + String(repeating: "n", count: 40))?.count == 32)
    }
}
