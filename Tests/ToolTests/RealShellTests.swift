import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// Tests the conversation of `--exec` with real shells.
@Suite struct RealShellTests {
    /// The lengths lie around a piece's 384 bytes, and beyond one line of a terminal.
    @Test(arguments: RealShell.all, [1, 383, 384, 385, 4_096, 100_000])
    func commandsOfAnyLengthRun(shell: [String], length: Int) throws {
        let comment = String(repeating: "x", count: length)
        let command = length == 1 ? ":" : "echo $((\(length)+1)) #\(comment)".prefix(length)
        #expect(command.utf8.count == length)
        let result = try RealShell(shell).run(Array(command.utf8))
        #expect(String(decoding: result.output, as: UTF8.self) == (length == 1 ? "" : "\(length + 1)\n"))
        #expect(result.status == 0)
    }

    /// The whole command arrives, because its last byte decides the status.
    @Test(arguments: RealShell.all)
    func theEndOfALongCommandCounts(shell: [String]) throws {
        let command = String(repeating: ":;", count: 5_000) + "exit 9"
        #expect(try RealShell(shell).run(Array(command.utf8)).status == 9)
    }

    /// The command holds all bytes but zero, which no argument can hold, inside of quotes. The quote itself is written
    /// as '\''.
    @Test(arguments: RealShell.all)
    func everyByteArrives(shell: [String]) throws {
        let bytes = (1...255).map { UInt8($0) }
        let quoted = bytes.flatMap { $0 == UInt8(ascii: "'") ? Array("'\\''".utf8) : [$0] }
        let command = Array("printf %s '".utf8) + quoted + Array("' | od -An -v -tx1 | tr -d ' \\n'".utf8)
        let result = try RealShell(shell).run(command)
        #expect(String(decoding: result.output, as: UTF8.self) == bytes.map { String(format: "%02x", $0) }.joined())
    }

    @Test(
        arguments: RealShell.all,
        [
            "echo \"a 'b' \\\"c\\\"\" $(echo d) `echo e`\necho two; # three\n\n",
            "cat <<'E'\n$HOME `x` \\\nE\n", "\n\n\necho last\n\n", "echo a\\\nb", "printf '%s|' \"$#\"",
            "for i in 1 2\ndo echo $i\ndone",
        ])
    func scriptsDoAsTheyDoInAFile(shell: [String], script: String) throws {
        let expected = try Subprocess(shell[0], shell.dropFirst().dropLast() + ["-c", script]).output()
        let result = try RealShell(shell).run(Array(script.utf8))
        #expect(String(decoding: result.output, as: UTF8.self) == String(decoding: expected, as: UTF8.self))
        #expect(result.status == 0)
    }

    /// A shell without base64, or with one that does not work, runs nothing, and that is no success. Busybox has its
    /// own base64 and looks for no other.
    @Test(arguments: RealShell.all.filter { !$0[0].hasSuffix("busybox") }, [nil, "#!/bin/sh\nprintf 'exit 3'\n"])
    func aShellThatCannotDecodeIsNoSuccess(shell: [String], decoder: String?) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-path-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["sh", "stty", "cat"] {
            let file = try #require(Subprocess.find(name))
            try FileManager.default.createSymbolicLink(
                atPath: folder.appendingPathComponent(name).path, withDestinationPath: file)
        }
        if let decoder {
            try writeProgram(decoder, to: folder.appendingPathComponent("base64"))
        }
        let failure = #expect(throws: Failure.self) {
            try RealShell(shell, path: folder.path).run(Array("echo done".utf8))
        }
        #expect(failure?.problem == "undecodable")
    }

    /// The check counts bytes, and leaves the command its locale.
    @Test(arguments: RealShell.all)
    func lettersOfMoreThanOneByteArrive(shell: [String]) throws {
        let result = try RealShell(shell).run(Array("printf '\u{E4}\u{20AC}%s' \"$LC_ALL\"".utf8))
        #expect(result.status == 0 && String(decoding: result.output, as: UTF8.self) == "\u{E4}\u{20AC}")
    }

    /// A console that loses a byte now and then delays a command, and does not change it.
    @Test(arguments: RealShell.all)
    func aByteThatIsLostChangesNoCommand(shell: [String]) throws {
        let command = "x='" + String(repeating: "0123456789", count: 200) + "'; echo ${#x}"
        let result = try RealShell(shell, losing: 2_501).run(Array(command.utf8), patience: .seconds(100))
        #expect(String(decoding: result.output, as: UTF8.self) == "2000\n")
    }
}

@Suite struct RawArgumentTests {
    @Test func bytesThatAreNoTextArriveAsTheyAre() {
        let command: [UInt8] = [0x61, 0xFF, 0x3D, 0x80, 0x62]
        let text = String(decoding: command, as: UTF8.self)
        #expect(RawArguments.bytes(of: text, among: [Array("run".utf8), Array("--exec".utf8), command]) == command)
        #expect(RawArguments.bytes(of: text, among: [Array("--exec=".utf8) + command]) == command)
        #expect(RawArguments.bytes(of: "plain", among: []) == Array("plain".utf8))
    }
}
