import Foundation
import Testing

extension SystemTests {
    /// A component pages memory on demand, and fails. The kernel waits for no pager, so only the pager's clients stand
    /// still, and their supervisor learns of it. This is the cure for liability inversion that the design claims.
    @Suite(.serialized) struct PagingTests {
        /// Word N of the file is N * 0x9E3779B97F4A7C15.
        private func makeFile() throws {
            let folder = Repository.root.appendingPathComponent(".entente/tests")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            var data = Data()
            for word in 0..<UInt64(64 * 512) {
                withUnsafeBytes(of: (word &* 0x9E37_79B9_7F4A_7C15).littleEndian) { data.append(contentsOf: $0) }
            }
            try data.write(to: folder.appendingPathComponent("paged.bin"))
        }

        private func boot(_ name: String) throws -> RunningSystem {
            try makeFile()
            return try RunningSystem("Tests/Systems/\(name).yaml")
        }

        @Test func aFileIsPagedInWithFewerFramesThanPages() throws {
            let system = try boot("paging")
            let log = try system.wait(for: "pass 20 right", on: "reader")
            #expect(!log.contains("WRONG"))
        }

        @Test func aKilledPagerComesBackAndItsClientGoesOn() throws {
            let system = try boot("paging")
            try system.wait(for: "pass 3 right", on: "reader")
            for life in 2...4 {
                try system.type("kill pager\n", on: "root")
                try system.wait(for: "back: pager, life \(life)", on: "root")
                try system.forget("reader")
                // Either the reader did not touch the file meanwhile, or it stopped, its supervisor learned of it, and
                // it begins anew.
                for _ in 0..<3 { try system.wait(for: " right\n", on: "reader") }
            }
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }

        @Test func aKilledClientIsPagedAnew() throws {
            let system = try boot("paging")
            for life in 2...4 {
                try system.wait(for: "pass 3 right", on: "reader")
                try system.type("kill reader\n", on: "root")
                try system.wait(for: "back: reader, life \(life)", on: "root")
            }
            #expect(try !system.wait(for: "pass 5 right", on: "reader").contains("WRONG"))
        }

        /// The pager hangs, or claims success. The client waits or faults until it has used up its own budget, which
        /// its supervisor learns. The neighbour, which is less urgent, misses nothing.
        @Test(arguments: ["hang", "empty"])
        func aPagerThatDoesNoGoodHurtsOnlyItsClient(mischief: String) throws {
            let system = try mischief == "hang" ? RunningSystem("examples/pager-hangs") : boot("paging-\(mischief)")
            try system.wait(for: "overrun: reader has used up its budget", on: "root")
            try expectSteady(system)
            #expect(throws: (any Error).self) {
                try system.wait(for: "pass", on: "reader", timeout: .milliseconds(200))
            }
        }

        /// The pager claims that the loads are done. It decides what its client reads, and affects no other tenant's
        /// data or time. No supervisor can notice that (docs/caveats.md).
        @Test func aPagerThatPretendsDeceivesOnlyItsClient() throws {
            let system = try boot("paging-rubbish")
            #expect(try !system.wait(for: "pass 3 WRONG", on: "reader").contains("right"))
            try expectSteady(system)
        }

        /// A component that may call the pager claims a client's fault.
        @Test func aCallerOfThePagerIsNoClient() throws {
            let system = try boot("paging-poser")
            #expect(try !system.wait(for: "refused 1000 of 1000", on: "poser").contains("SERVED"))
            #expect(try !system.wait(for: "pass 5 right", on: "reader").contains("WRONG"))
        }

        private func expectSteady(_ system: RunningSystem) throws {
            for beat in 2...12 { try system.wait(for: "heartbeat \(beat)\n", on: "heartbeat", timeout: .seconds(5)) }
        }

        /// No page can cure the fault. The pager refuses it, the supervisor learns of the death and restarts up to the
        /// limit, and others go on.
        @Test func aRefusedFaultIsADeath() throws {
            let system = try boot("paging-store")
            try system.wait(for: "restart: reader, 1 of 2", on: "root")
            try system.wait(for: "limit: reader", on: "root")
            try system.forget("heartbeat")
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }
    }
}
