import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// The parts of KVM's host that need no emulator.
@Suite struct KVMTests {
    @Test(arguments: [
        ("[    1.0] host: kvm one: task: loop count 5", KVMBoard.Line.guest("one", "task: loop count 5")),
        ("kvm m1: ", .guest("m1", "")),
        ("kvm a-b exits: exits 12 hvc_exit_stat 3", .exits("a-b", ["exits": 12, "hvc_exit_stat": 3])),
        ("kvm memory: MemTotal 100 MemFree 60 m1 30", .memory(["MemTotal": 100, "MemFree": 60, "m1": 30])),
        ("[ 2.0] host: kvm one is off", .off("one")),
        ("kvm: end", .end),
        ("[ 2.0] host: Linux 6.1", .host("[ 2.0] host: Linux 6.1")),
    ])
    func aLineOfTheHostHasAMeaning(_ text: String, _ line: KVMBoard.Line) {
        #expect(KVMBoard.Line(text) == line)
    }

    @Test func theCommandsOfTheHostAreShellScripts() throws {
        var host = KVMHost(workspace: Workspace(root: URL(fileURLWithPath: "/")), guests: [])
        host.script = "begin one; await one"
        host.reaction = ("has started", "mark end")
        for (name, text) in host.commands where name != "hear" {
            try Subprocess("sh", ["-n", "-c", text]).run()
        }
        let hear = try #require(host.commands.first { $0.name == "hear" }).text
        #expect(hear.contains("index($0, \"has started\")"))
        #expect(try #require(host.commands.first { $0.name == "host" }).text.contains("begin one; await one\n"))
    }
}
