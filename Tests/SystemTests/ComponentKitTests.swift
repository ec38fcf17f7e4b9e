import Foundation
import SystemImage
import Testing

extension SystemTests {
    /// Components of packages outside of the tree, on a board.
    @Suite(.serialized) struct ComponentKitTests {
        @Test func memoryIsTheComponentsOwn() throws {
            let system = try RunningSystem("Tests/Systems/hoarder.yaml")
            try system.wait(for: "a GiB is too much, and that is an error", on: "modest")
            try system.wait(for: "turn 1: the sum is 5149", on: "modest")
            let first = try system.wait(for: "bytes in use", on: "modest")
            try system.wait(for: "out of memory: ", on: "greedy")
            let report = try system.wait(for: "fault: greedy trap", on: "root")
            #expect(!report.contains("fault: modest"))
            // No memory is lost from one turn to the next, and the neighbour's death affects no one else.
            try system.wait(for: "turn 10: the sum is 5149", on: "modest")
            let later = try system.wait(for: "bytes in use", on: "modest")
            #expect(bytes(first) == bytes(later))
            try system.wait(for: "heartbeat 2", on: "heartbeat", timeout: .seconds(10))
        }

        @Test func messagesCarryMoreThanSixWords() throws {
            let system = try RunningSystem("Tests/Systems/exchange.yaml")
            try system.wait(for: "hello, a name that is longer than what six registers hold, by far", on: "visitor")
            try system.wait(for: "told: true, heard: true", on: "visitor")
            try system.wait(for: "the sum is 3000", on: "visitor")
            try system.wait(for: "filled: true", on: "visitor")
            try system.wait(for: "the ring carried 512 numbers: true", on: "visitor")
            try system.wait(for: "the server is dead, generation ", on: "visitor")
            try system.wait(for: "fault: server trap", on: "root")
        }

        /// After the server has accepted their rings, one client crashes, and another one revokes everything that it
        /// can name.
        @Test func aServerOutlivesItsClients() throws {
            let system = try RunningSystem("Tests/Systems/ledger-crash.yaml")
            try system.wait(for: "everything is taken back", on: "thief")
            let log = try system.wait(for: "limit: buggy stays stopped", on: "root")
            #expect(log.ranges(of: "fault: buggy trap").count == 2)
            #expect(!log.contains("fault: ledger"))
            // At each of these the ledger puts into the dead client's ring, and takes out of the other one's.
            try system.wait(for: "note 20, 20 in this life", on: "steady")
            #expect(try !system.lines(of: "root").contains { $0.contains("fault: ledger") })
        }

        /// Either end of a ring dies in the middle of its use, again and again, and the other one goes on.
        @Test func aRingOutlivesBothItsEnds() throws {
            let often = RestartDescription(
                limit: 1, span: TimeSpan(milliseconds: 1), backoff: TimeSpan(milliseconds: 5),
                backoffLimit: TimeSpan(milliseconds: 5))
            let system = try RunningSystem("Tests/Systems/ledger-kill.yaml", restart: often)
            try system.wait(for: "offer 1 is taken", on: "feeder")
            for life in 2...16 {
                system.listen(for: .milliseconds(7 * life))
                try system.type("kill feeder\n", on: "root")
                try system.wait(for: "back: feeder, life \(life)", on: "root")
                try system.wait(for: "offer 1 is taken", on: "feeder")
            }
            for life in 2...8 {
                system.listen(for: .milliseconds(13 * life))
                try system.type("kill ledger\n", on: "root")
                try system.wait(for: "back: ledger, life \(life)", on: "root")
                try system.wait(for: "fed until the ledger died", on: "feeder")
                try system.wait(for: "offer \(life) is taken", on: "feeder")
            }
            try system.forget("steady")
            let first = fed(try system.wait(for: "fed\n", on: "steady"))
            let later = fed(try system.wait(for: "fed\n", on: "steady"))
            #expect(first < later)
            #expect(try !system.lines(of: "root").contains { $0.contains("fault") })
        }

        private func fed(_ text: String) -> Int { text.matches(of: /, ([0-9]+) fed/).last.flatMap { Int($0.1) } ?? 0 }

        private func bytes(_ text: String) -> Substring? {
            text.matches(of: /([0-9]+) bytes in use/).last?.1
        }
    }
}
