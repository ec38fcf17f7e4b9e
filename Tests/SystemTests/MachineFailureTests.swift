import Testing

extension SystemTests {
    /// A guest that panics or hangs is restarted within its machine's limits, if the manifest says so.
    @Suite(.serialized) struct MachineFailureTests {
        @Test func supervisionHearsOfPanicsAndHangs() throws {
            let system = try RunningSystem("Tests/Systems/machine-failures.yaml")
            try system.wait(for: "limit: panics stays stopped", on: "root")
            let log = try system.lines(of: "root").joined(separator: "\n")
            #expect(log.ranges(of: "fault: panics machine panicked").count == 3)
            // The reason belongs to the machines alone, so the same trap of a component has no text.
            #expect(log.contains("fault: poser trap address"))
            #expect(log.contains("restart: panics, 1 of 2 within 60000 ms, in 50 ms"))
            #expect(log.ranges(of: "back: panics, life").count == 2)
            for _ in 0..<3 {
                try system.wait(for: "panic: the device knows events 3", on: "panics")
                try system.wait(for: "entente: machine panics has panicked", on: "panics")
            }

            // By default the console reports it once, and the machine goes on.
            try system.wait(for: "entente: machine reports has panicked", on: "reports")
            #expect(try system.lines(of: "reports").joined().ranges(of: "has panicked").count == 1)

            for _ in 0..<2 {
                try system.wait(for: "well", on: "hangs")
                try system.type("a", on: "hangs")
                try system.wait(for: "hang: answered 4 times", on: "hangs")
                try system.wait(for: "entente: machine hangs hangs: its watchdog has expired", on: "hangs")
            }
            try system.wait(for: "limit: hangs stays stopped", on: "root")
            #expect(
                try system.lines(of: "root").joined().ranges(of: "fault: hangs machine hangs, its watchdog expired")
                    .count == 2)

            try expectDebianIsRestarted(in: system)
            try system.type("restarts\n", on: "root")
            try system.wait(for: "reports: runs, died 0 times", on: "root")
            try system.wait(for: "heartbeat: runs, died 0 times", on: "root")
        }

        /// Debian's own driver answers the watchdog until its kernel panics. That panic stays where it is (`panic=0`).
        private func expectDebianIsRestarted(in system: RunningSystem) throws {
            let state = try system.run(
                "cat /sys/class/watchdog/watchdog0/identity /sys/class/watchdog/watchdog0/state", on: "debian",
                timeout: .seconds(120))
            #expect(state.output == "SBSA Generic Watchdog\nactive\n")
            try system.forget("debian")
            // The time is shorter than the system's own, so that the test need not wait for that.
            _ = try system.run("killall watchdog; watchdog -t 1 -T 6 /dev/watchdog", on: "debian")
            try system.type("echo c > /proc/sysrq-trigger\n", on: "debian")
            try system.wait(for: "Kernel panic", on: "debian")
            try system.wait(for: "entente: machine debian hangs: its watchdog has expired", on: "debian")
            try system.wait(for: "back: debian, life 2", on: "root")
            let alive = try system.run("echo alive", on: "debian", timeout: .seconds(120))
            #expect(alive.output == "alive\n")
        }
    }
}
