import Foundation
import Testing

@testable import Tool
@testable import Workshop

/// A shell at a console, as far as the conversation needs one. It echoes, prompts, and answers `printf`.
private struct FakeShell {
    var variable = ""
    /// The output and the status of the command.
    var output = "hello\n"
    var status = 0
    private(set) var command: String?

    mutating func answer(_ line: String) -> String {
        var text = line + "\r\n"
        if line.hasPrefix("dmesg") { text += "\r\n" + joined(line, after: "printf") + "\r\n" }
        if !line.hasPrefix("stty"), let assignment = line.firstRange(of: "_c=") {
            let value = line[assignment.upperBound...].prefix { $0 != ";" }
            variable = value.hasPrefix("${_c}") ? variable + value.dropFirst(5) : String(value)
            text += "\r\n" + joined(line, after: "printf").replacing("${#_c}", with: "\(variable.count)") + "\r\n"
        }
        if line.hasPrefix("stty -opost") {
            command = Data(base64Encoded: variable).map { String(decoding: $0, as: UTF8.self) }
            let token = line.split(separator: " ").first { $0.hasPrefix("eTOKEN") } ?? ""
            text += "\n\(token)begin\n\(output)\n\(token)end \(status)\n"
        }
        return text + "shell:/# "
    }

    private func joined(_ line: String, after word: String) -> String {
        line.components(separatedBy: word).last!.split(separator: " ").dropFirst().map { $0.replacing(";", with: "") }
            .joined()
    }
}

@Suite struct RemoteCommandTests {
    private func converse(_ command: String, with shell: inout FakeShell, chunk: Int) -> (
        output: String, status: Int32?
    ) {
        var remote = RemoteCommand(command.utf8, token: "eTOKEN")
        var wire = Array("\r\nboot message\r\nshell:/# ".utf8)
        var output: [UInt8] = []
        for _ in 0..<100_000 {
            guard !wire.isEmpty else { return (String(decoding: output, as: UTF8.self), nil) }
            let actions = remote.heard(Array(wire.prefix(chunk)))
            wire = Array(wire.dropFirst(chunk))
            for action in actions {
                switch action {
                case .type(let bytes): wire += shell.answer(String(decoding: bytes.dropLast(), as: UTF8.self)).utf8
                case .output(let bytes): output += bytes
                case .finished(let status): return (String(decoding: output, as: UTF8.self), status)
                case .undecodable: return (String(decoding: output, as: UTF8.self), nil)
                }
            }
        }
        return (String(decoding: output, as: UTF8.self), nil)
    }

    @Test(arguments: [1, 3, 64, 100_000])
    func bringsBackOutputAndStatus(chunk: Int) {
        var shell = FakeShell(output: "one\n\neTOKEN\ntwo", status: 42)
        let result = converse("do 'something' \"odd\"; $(x)\n", with: &shell, chunk: chunk)
        #expect(shell.command == "do 'something' \"odd\"; $(x)\n")
        #expect(result.output == "one\n\neTOKEN\ntwo")
        #expect(result.status == 42)
    }

    @Test func longCommandsTravelInPieces() {
        var shell = FakeShell()
        let command = String(repeating: "echo entente; ", count: 500)
        #expect(converse(command, with: &shell, chunk: 17).status == 0)
        #expect(shell.command == command)
    }

    /// The first answer has a length that differs from the one sent.
    @Test func aPieceThatLostAByteIsSentAgain() {
        var remote = RemoteCommand(String(repeating: "x", count: 800).utf8, token: "eTOKEN")
        _ = remote.heard(Array("# ".utf8))
        func typed(after text: String) -> String {
            remote.heard(Array(text.utf8)).map {
                if case .type(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { "" }
            }.joined()
        }
        #expect(typed(after: "eTOKENhello").hasPrefix("_p=;_c="))
        #expect(typed(after: "eTOKENgot0.512.").hasPrefix("_p=$_c;_c=${_c}"))
        #expect(typed(after: "eTOKENgot1.1023.").hasPrefix("_c=${_p}"))
        // The second attempt has not helped, so the conversation begins anew.
        #expect(typed(after: "eTOKENgot1.1022.").hasPrefix("_p=;_c="))
        #expect(typed(after: "eTOKENgot0.512.").hasPrefix("_p=$_c;_c=${_c}"))
        #expect(typed(after: "eTOKENgot1.10").isEmpty)
        #expect(remote.typed.map { [$0.bytes, $0.size] } == [384, 800])
        #expect(typed(after: "24.").hasPrefix("_p=$_c;_c=${_c}"))
        #expect(typed(after: "eTOKENgot2.1068.").hasPrefix("stty -opost"))
        #expect(remote.typed == nil)
    }

    @Test func promptsAreRecognised() {
        #expect(RemoteCommand.endsWithPrompt(Array("debian:/root# ".utf8)))
        #expect(RemoteCommand.endsWithPrompt(Array("/ $ \u{1B}[6n".utf8)))
        #expect(!RemoteCommand.endsWithPrompt(Array("[    0.1] 50% done\r\n".utf8)))
    }
}
