import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// Memory with a doorbell between Debian and a component, a bare machine and the component, and both machines.
    @Suite(.serialized) struct SharedMemoryTests {
        @Test func bothEndsSeeTheMemoryAndHearTheBell() throws {
            let system = try RunningSystem("Tests/Systems/shared-memory.yaml")
            // Guest and component ring each other by an interrupt and an event.
            try system.wait(for: "letters: 7", on: "echo")
            try system.wait(for: "region 1: 8", on: "guest")

            let tree = try system.run(
                "ls /proc/device-tree/reserved-memory; cat /proc/device-tree/frames@b010000/compatible | tr '\\0' ' '",
                on: "debian",
                timeout: .seconds(120))
            #expect(tree.output.contains("frames@20000000") && tree.output.contains("machines@22000000"))
            #expect(!tree.output.contains("letters"))
            #expect(tree.output.contains("generic-uio"))
            let answered = try ring(0, with: 41, in: system)
            #expect(answered.contains("0x0000002A"))
            try system.wait(for: "frames: 41", on: "echo")
            let guest = try ring(2, with: 20, in: system)
            #expect(guest.contains("0x00000015"))
            try system.wait(for: "region 2: 20", on: "guest")

            // The memory outlives the component. For 2 s the other end is dead, and a ring does no harm.
            try system.type("kill echo\n", on: "root")
            try system.wait(for: "in 2000 ms", on: "root")
            #expect(try system.run("devmem 0x0b010000 32 1", on: "debian").status == 0)
            try system.wait(for: "life 2", on: "echo")
            #expect(try ring(0, with: 50, in: system).contains("0x00000033"))
            try checkReport(of: "debian", in: system)
        }

        /// Checks that `SilenceWatch` reads root's own line. The check is here because a system with a machine is
        /// running.
        private func checkReport(of machine: String, in system: RunningSystem) throws {
            try system.type("state \(machine)\n", on: "root")
            try system.wait(for: " floating-point ", on: "root")
            try system.wait(for: "\n", on: "root")
            let report = try system.lines(of: "root").compactMap { ProcessorReport(line: $0, machine: machine) }.last
            #expect(report?.isStopped == false && report?.exits.count == 8)
            #expect(report?.count(.memory) ?? 0 > 100 && report?.count(.waitForInterrupt) ?? 0 > 0)
            #expect(report?.usedMilliseconds ?? 0 > 0)
        }

        private func ring(_ number: Int, with value: Int, in system: RunningSystem) throws -> String {
            let memory = 0x2000_0000 + number << 24
            let bell = 0x0B01_0000 + number << 12
            return try system.run(
                "devmem \(memory) 32 \(value); devmem \(bell) 32 1; sleep 1; devmem \(memory + 8) 32", on: "debian"
            ).output
        }
    }
}
