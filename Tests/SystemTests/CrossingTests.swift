import Testing

@testable import Tool
@testable import Workshop

extension SystemTests {
    /// The plugin that counts the exits of a guest whose system does not count them.
    @Suite struct CrossingTests {
        private let benchmark = ReplicaBenchmark(workspace: Workspace(root: Repository.root))

        /// The kernel of Entente counts the exits of a machine itself, so both counts are known here. The plugin misses
        /// an interrupt that comes before the machine has executed an instruction since the last exit.
        @Test func theWaysIntoTheKernelAreItsExits() throws {
            let (boot, calls) = (try benchmark.run(.boot, on: .entente), try benchmark.run(.calls, on: .entente))
            let ways = (boot: Double(try #require(boot.crossings)), calls: Double(try #require(calls.crossings)))
            let interrupts = try #require(boot.exits["interrupt"])
            #expect(interrupts > 0 && boot.exitCount > 2 * interrupts)
            #expect((boot.exitCount - interrupts...boot.exitCount).contains(ways.boot), "\(ways), \(boot.exits)")
            // The tick of the timer alone interrupts a million system calls.
            let difference = calls.exitCount - boot.exitCount
            #expect(difference > 10 && abs(ways.calls - ways.boot - difference) <= 3, "\(ways), \(calls.exits)")
        }

        /// The places of Xen and of its first domain come from the messages of the real Xen.
        @Test func aGuestOfXenLeavesSomeHundredTimesUntilItIsUp() throws {
            let ways = try #require(try benchmark.run(.boot, on: .xen).crossings)
            #expect((100...100_000).contains(ways))
        }
    }
}
