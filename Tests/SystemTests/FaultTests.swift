import Foundation
import Testing

extension SystemTests {
    /// Components do something forbidden. Root reports each of them, and no one else is affected.
    @Suite(.serialized) struct FaultTests {
        @Test func faultsAreReportedAndNobodyElseNotices() throws {
            let system = try RunningSystem("Tests/Systems/crash.yaml")
            try system.wait(for: "crash: power off answers 4", on: "power")
            let machine = try system.run("echo fine", on: "debian", timeout: .seconds(120))
            #expect(machine.output == "fine\n")
            let reports = try system.wait(for: "fault: power", on: "root")
            #expect(reports.contains("fault: load load from unmapped memory address 0xdead0000"))
            #expect(reports.contains("fault: store store to unmapped memory address 0x200000"))
            #expect(reports.contains("fault: trap trap address 0x0"))
            #expect(reports.contains("fault: jump instruction fetch from unmapped memory address 0xdead0000"))
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }

        @Test func theProgramCounterOfAFaultHasAName() throws {
            let system = try RunningSystem("examples/crash")
            try system.wait(for: "limit: crash stays stopped", on: "root")
            let reports = try system.lines(of: "root")
            #expect(reports.contains { $0.contains("fault: crash") && $0.contains("entente_main") })
            #expect(reports.contains { $0.contains("restart: crash, 3 of 3") })
            try system.forget("heartbeat")
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }

        @Test func aKernelBugIsReportedWithABacktrace() throws {
            let system = try RunningSystem("examples/debian", breaking: "kernel_interrupt")
            try system.waitForEnd(timeout: .seconds(60))
            let report = try system.lines(of: "kernel").joined(separator: "\n")
            #expect(report.contains("panic: core 0x0: exception in the kernel"))
            #expect(report.contains("panic: esr 0x2000000"))
            #expect(report.contains(/x00=0x[0-9a-f]+/))
            #expect(report.contains(/backtrace: 0x[0-9a-f]+/))
            #expect(report.contains("kernel_interrupt"))
        }

        @Test func wrongOperationsHurtNobody() throws {
            let system = try RunningSystem("Tests/Systems/crash.yaml")
            #expect(try system.run("echo fine", on: "debian", timeout: .seconds(120)).output == "fine\n")
            try system.wait(for: "crash: operations 5", on: "operations", timeout: .seconds(120))
            #expect(try system.run("echo still", on: "debian").output == "still\n")
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }
    }
}
