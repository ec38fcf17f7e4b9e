import Interleaving
import SharedAccess
import Synchronization
import Testing

/// The explorer plays schedules again, and leaves out none that differs from the others.
@Suite struct ExplorerTests {
    private let words = Litmus()

    private func scenario(
        _ programs: [(Litmus) -> Void], check: @escaping (Litmus) -> String?
    ) -> Scenario {
        let words = words
        return Scenario(
            cores: programs.count, reset: { words.reset() }, body: { programs[$0](words) }, check: { check(words) })
    }

    /// A read-modify-write never returns an old value, so only a switch loses the update.
    @Test func aSwitchIsPlayedAgain() throws {
        let program: (Litmus) -> Void = {
            let old = $0.x.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue
            $0.x.store(old + 1, ordering: .releasing)
        }
        let lost = scenario([program, program]) { $0.x.load(ordering: .relaxed) == 2 ? nil : "lost" }
        let failure = try #require(lost.explore().failure)
        #expect(lost.replay(failure.schedule).failure?.reason == "lost")
        // The trace belongs to the same run, in which both cores stored 1.
        #expect(failure.trace.split(separator: "\n").filter { $0.contains("releases 1 ") }.count == 2)
    }

    @Test func aScheduleThatDoesNotFitIsNotPlayedInSilence() throws {
        let program: (Litmus) -> Void = { $0.x.store(1, ordering: .releasing) }
        let result = scenario([program, program]) { _ in nil }.replay(try #require(Schedule("99>1")))
        #expect(result.failure?.reason == "1 deviations of the schedule were not met")
    }

    /// An earlier switch is needless only if the later one exists, and there is none within a whole.
    @Test(arguments: [2, 3]) func aSwitchBeforeAWholeIsNotLeftOut(deviations: Int) {
        let result = scenario([
            {
                $0.x.store(1, ordering: .releasing)
                let words = $0
                SharedAccess.whole { words.y.store(1, ordering: .releasing) }
            },
            {
                let first = $0.y.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue
                _ = $0.z.wrappingAdd(1, ordering: .acquiringAndReleasing)
                let second = $0.y.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue
                $0.seen[1] = [first, second]
            },
            { _ = $0.z.wrappingAdd(1, ordering: .acquiringAndReleasing) },
        ]) { $0.seen[1] == [0, 1] ? "seen" : nil }.explore(Extent(deviations: deviations, random: 0))
        #expect(result.failure != nil)
    }

    /// The others run until they wait. Then the core that let them go on continues, although they wait for it.
    @Test func aThreadThatYieldsIsSeenByOthers() {
        let result = scenario([
            {
                Interleaving.letOthersGoOn()
                $0.x.store(1, ordering: .releasing)
            },
            { words in
                let isHeard = Interleaving.wait { words.x.exchange(0, ordering: .acquiringAndReleasing) != 0 }
                words.seen[1] = [isHeard ? 1 : 0]
            },
        ]) { $0.seen[1] == [1] ? nil : "not heard" }.explore()
        #expect(result.failure == nil)
    }

    /// The explorer learns that cores share a word only from a run that went a rare way.
    @Test func aWordThatIsRarelyTouchedIsAPointToo() {
        // Core 1 touches y only if it comes between the two accesses of core 0.
        let result = scenario([
            {
                _ = $0.x.wrappingAdd(1, ordering: .acquiringAndReleasing)
                let before = $0.y.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue
                let after = $0.y.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue
                _ = $0.x.wrappingAdd(1, ordering: .acquiringAndReleasing)
                $0.seen[0] = [before, after]
            },
            {
                if $0.x.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue == 1 {
                    _ = $0.y.wrappingAdd(1, ordering: .acquiringAndReleasing)
                }
            },
        ]) { $0.seen[0] == [0, 1] ? "seen" : nil }.explore(Extent(deviations: 2, random: 0))
        #expect(result.failure != nil)
    }

    /// A core may have read a word before its own release store. If that store is relaxed, the read may still be under
    /// way.
    @Test(arguments: [true, false]) func memoryIsTakenOnlyAfterTheLastAccessOfOthers(isReleased: Bool) {
        let words = words
        let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
        defer { byte.deallocate() }
        byte.pointee = 0
        let result = scenario([
            {
                _ = PlainByte(byte).value
                if isReleased { $0.x.store(1, ordering: .releasing) } else { $0.x.store(1, ordering: .relaxed) }
            },
            { words in
                guard words.x.load(ordering: .acquiring) == 1 else { return }
                PlainByte(byte).value = 2
            },
        ]) { _ in nil }.explore()
        #expect((result.failure == nil) == isReleased)
        #expect(result.failure?.reason.contains("may not have ended") != false)
        _ = words
    }
}
