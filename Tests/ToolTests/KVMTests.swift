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

/// The lines of the trial in which the QEMU of a guest fails.
@Suite struct KVMFaultTests {
    @Test func theRecoveryEndsWithTheNextStart() {
        var lines = KVMFaultLines()
        for text in ["one 4.10", "two 4.30", " 5.5", "one 6.75"] { lines.hear(text, of: "clock") }
        #expect(lines.recovery == 1250)
        #expect(lines.rebirths == 1)
    }

    @Test func aStartBeforeTheFaultIsNoRecovery() {
        var lines = KVMFaultLines()
        for text in ["one 4.10", " 5.5"] { lines.hear(text, of: "clock") }
        #expect(lines.recovery == nil)
        #expect(KVMFaultLines().recovery == nil)
        #expect(lines.rebirths == 0 && KVMFaultLines().rebirths == 0)
    }

    @Test func theLongestTimeBelongsToAGuest() {
        var lines = KVMFaultLines()
        lines.hear("beat: begins", of: "one")
        lines.hear("beat: longest 5301", of: "one")
        lines.hear("beat: longest 1005301", of: "two")
        #expect(lines.longest == ["one": 5301, "two": 1_005_301])
    }

    /// Each operation of the small monitor belongs to the marks around it.
    @Test func anOperationOfKVMHasItsMarks() throws {
        let operations = KVMPrimitives.operations.map { (name: $0, value: 100.0) }
        let spans = operations.indices.map { UInt64(1000 * ($0 + 1)) }
        let rows = try KVMPrimitives.rows(of: operations, spans: spans)
        #expect(
            rows.first == BenchRow("kvm.event.round-trip", 10) && rows.last == BenchRow("kvm.interrupt.inject", 110))
        #expect(throws: Failure.self) { try KVMPrimitives.rows(of: operations, spans: Array(spans.dropLast())) }
        #expect(throws: Failure.self) { try KVMPrimitives.rows(of: operations.reversed(), spans: spans) }
    }

    @Test func theHostsKernelHasAPlaceInRAM() {
        #expect(KVMRequests.code(in: "  40210000-4143ffff : Kernel code") == 0x21_0000..<0x144_0000)
        for line in ["  00000000-00000000 : Kernel code", "  40210000-4143ffff : Kernel data", "Kernel code"] {
            #expect(KVMRequests.code(in: line) == nil)
        }
    }
}
