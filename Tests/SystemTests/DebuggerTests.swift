import Foundation
import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// gdb on one of two components that run the same program at the same addresses.
    @Suite(.serialized) struct DebuggerTests {
        @Test func stopsAndStepsInTheRightOne() throws {
            let commands = [
                "break Entry.swift:15", "continue", "x/s 0x18000000", "backtrace", "next", "next",
                // These steps pass the system calls of `log` and `set`, which end in the kernel.
                "next", "next", "x/s 0x18000000", "continue", "x/s 0x18000000",
            ]
            // A breakpoint that is never reached would keep gdb, and the tests, for good.
            let (status, text) = try Subprocess(
                "timeout",
                [
                    "180", Repository.file("entente").path, "debug", "Tests/Systems/debugger.yaml", "second",
                    "--gdb-argument=-batch",
                ]
                    + commands.flatMap { ["--gdb-argument=-ex", "--gdb-argument=\($0)"] },
                directory: Repository.root
            ).outcome()
            #expect(status == 0)
            let seen = text.split(separator: "\n").map(String.init)
            #expect(seen.count { $0.hasPrefix("0x18000000:\t\"second\"") } == 3, "\(text)")
            #expect(text.contains("#0  entente_main") && text.contains("Heartbeat/Entry.swift:15"), "\(text)")
            #expect(text.contains("#1  0x") && text.contains(" in _start ()"), "\(text)")
            #expect(text.contains("16\t        beat = beat + period"), "\(text)")
            #expect(!text.contains("Cannot find bounds"), "\(text)")
        }
    }
}
