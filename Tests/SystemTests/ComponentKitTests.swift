import Foundation
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
            // Nothing is lost from one turn to the next, and the neighbour's end is nobody else's.
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

        private func bytes(_ text: String) -> Substring? {
            text.matches(of: /([0-9]+) bytes in use/).last?.1
        }
    }
}
