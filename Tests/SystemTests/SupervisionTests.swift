import Testing

extension SystemTests {
    /// Root restarts dead parts within limits. A part beyond its limit escalates, and no one else is affected.
    @Suite(.serialized) struct SupervisionTests {
        @Test func aCrashingComponentIsRestartedUpToItsLimit() throws {
            let system = try RunningSystem("Tests/Systems/restart-limit.yaml")
            let log = try system.wait(for: "limit: crash", on: "root")
            #expect(log.contains("restart: crash, 1 of 3 within 10000 ms, in 50 ms"))
            #expect(log.contains("restart: crash, 2 of 3 within 10000 ms, in 100 ms"))
            #expect(log.contains("restart: crash, 3 of 3 within 10000 ms, in 200 ms"))
            #expect(log.ranges(of: "fault: crash trap").count == 4)
            #expect(log.ranges(of: "back: crash, life").count == 3)
            try system.wait(for: "stays stopped; everything else goes on", on: "root")
            try expectSteady("heartbeat", in: system)
        }

        @Test func escalationRestartsTheGroupAndThenItsParent() throws {
            let system = try RunningSystem("Tests/Systems/restart-group.yaml")
            try system.wait(for: "crash is beyond its limit; restart: group inner, 1 of 1", on: "root")
            try system.wait(for: "back: member, life 2", on: "root")
            try system.wait(for: "crash is beyond its limit; restart: group outer, 1 of 1", on: "root")
            try system.wait(for: "back: member, life 3", on: "root")
            try system.wait(for: "back: outer-member, life 2", on: "root")
            try system.wait(for: "limit: group outer stays stopped", on: "root")
            #expect(try restarts(system, of: "member").contains("stays stopped, died 4 times"))
            #expect(try restarts(system, of: "heartbeat").contains("runs, died 0 times"))
            try expectSteady("heartbeat", in: system)
        }

        @Test func theBoardResets() throws {
            let system = try RunningSystem("Tests/Systems/restart-board.yaml")
            for _ in 0..<2 {
                try system.wait(for: "starting 3 tenants", on: "root")
                try system.wait(for: "limit: crash is beyond its limit; the board resets", on: "root")
            }
        }

        @Test func theBoardGoesOff() throws {
            let system = try RunningSystem("Tests/Systems/restart-power-off.yaml")
            try system.wait(for: "limit: crash is beyond its limit; the board goes off", on: "root")
            try system.waitForEnd()
        }

        /// A component may fill its own table. Root then goes without the slot that the component has taken.
        @Test func aTableWithoutRoomIsItsOwnersTrouble() throws {
            let system = try RunningSystem("Tests/Systems/squatter.yaml")
            try system.wait(for: "crash: now", on: "squatter")
            try system.wait(for: "heartbeat 2", on: "heartbeat")
            try system.type("kill serial\n", on: "root")
            try system.wait(for: "taken: squatter has filled slot 5", on: "root")
            try system.wait(for: "back: serial, life 2", on: "root")
            // The component has also taken the slot of the region's capability. The peer comes back, and the board goes
            // on.
            try system.type("kill peer\n", on: "root")
            try system.wait(for: "back: peer, life 2", on: "root")
            try system.type("kill squatter\n", on: "root")
            try system.wait(for: "back: squatter, life 2", on: "root")
            try system.wait(for: "crash: now", on: "squatter")
            try expectSteady("heartbeat", in: system)
        }

        @Test func aLargeComponentStartsAndComesBack() throws {
            let system = try RunningSystem("Tests/Systems/large.yaml")
            try system.wait(for: "heartbeat 1", on: "large")
            try system.type("kill large\n", on: "root")
            try system.wait(for: "back: large, life 2", on: "root")
            try system.wait(for: "heartbeat 1", on: "large")
            try expectSteady("heartbeat", in: system)
        }

        @Test func aMachineIsKilledAndComesBackEmpty() throws {
            let system = try RunningSystem("examples/two-machines")
            _ = try system.run("echo mark > /tmp/mark", on: "first", timeout: .seconds(120))
            _ = try system.run("echo mark > /tmp/mark", on: "second", timeout: .seconds(120))
            try system.type("kill first\n", on: "root")
            try system.wait(for: "back: first, life 2", on: "root")
            try system.wait(for: "Booting Linux", on: "first")
            #expect(
                try system.run("cat /tmp/mark || echo none", on: "first", timeout: .seconds(120)).output.hasSuffix(
                    "none\n"))
            #expect(try system.run("cat /tmp/mark", on: "second").output == "mark\n")
        }

        /// The client keeps its capability. The portal's generation tells it of the restart, and the server's count
        /// begins anew.
        @Test func aClientGoesOnWithTheNextLifeOfItsServer() throws {
            let system = try RunningSystem("Tests/Systems/restart-server.yaml")
            try system.wait(for: "generation 1, call 1\n", on: "client")
            for life in 2...4 {
                try system.type("kill server\n", on: "root")
                try system.wait(for: "dead, generation ", on: "client")
                try system.wait(for: "generation \(life), call 1\n", on: "client")
            }
            #expect(try restarts(system, of: "client").contains("runs, died 0 times"))
            // The client's own next life calls the same server.
            try system.type("kill client\n", on: "root")
            try system.wait(for: "generation 4, call ", on: "client")
        }

        @Test func theConsoleDriverComesBackAndLosesNobody() throws {
            let system = try RunningSystem("examples/debian")
            #expect(try system.run("echo before", on: "debian", timeout: .seconds(120)).output == "before\n")
            for life in 2...4 {
                try system.type("kill serial\n", on: "root")
                try system.wait(for: "back: serial, life \(life)", on: "root")
                #expect(try system.run("echo after", on: "debian").output == "after\n")
                try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
            }
        }

        @Test func commandsThatMakeNoSenseAreAnswered() throws {
            let system = try RunningSystem("Tests/Systems/restart-limit.yaml")
            try system.wait(for: "limit: crash", on: "root")
            try system.type("kill crash\n", on: "root")
            try system.wait(for: "this tenant is dead already", on: "root")
            try system.type("kill nobody\n", on: "root")
            try system.wait(for: "no tenant has this name", on: "root")
            try system.type("reboot\n", on: "root")
            try system.wait(for: "unknown command", on: "root")
        }

        /// A component has a thread, for which the kernel counts no exits.
        @Test func everyTenantHasAState() throws {
            let system = try RunningSystem("Tests/Systems/restart-limit.yaml")
            try system.wait(for: "limit: crash", on: "root")
            for tenant in ["heartbeat", "serial"] {
                let line = try state(of: tenant, in: system)
                #expect(line.wholeMatch(of: /thread runs, used \d+ ms\n/) != nil, "\(line)")
            }
            try system.type("state crash\n", on: "root")
            try system.wait(for: "this tenant is dead already", on: "root")
            try system.type("state nobody\n", on: "root")
            try system.wait(for: "no tenant has this name", on: "root")
        }

        private func state(of tenant: String, in system: RunningSystem) throws -> String {
            try system.type("state \(tenant)\n", on: "root")
            try system.wait(for: "state: \(tenant) ", on: "root")
            return try system.wait(for: "\n", on: "root")
        }

        /// Expects that a heartbeat goes on counting, without a gap.
        private func expectSteady(_ console: String, in system: RunningSystem) throws {
            try system.forget(console)
            try system.wait(for: "heartbeat ", on: console, timeout: .seconds(5))
            let number = Int(try system.wait(for: "\n", on: console).filter(\.isNumber)) ?? 0
            #expect(number > 1)
            for next in number + 1...number + 3 {
                try system.wait(for: "heartbeat \(next)\n", on: console, timeout: .seconds(5))
            }
        }

        /// Returns the line of root's list.
        private func restarts(_ system: RunningSystem, of tenant: String) throws -> String {
            try system.type("restarts\n", on: "root")
            try system.wait(for: "\n\(tenant): ", on: "root")
            return try system.wait(for: "\n", on: "root")
        }
    }
}
