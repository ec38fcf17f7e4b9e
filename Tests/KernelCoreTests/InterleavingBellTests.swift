import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// One core changes a doorbell while another one looks at it: the seqlock of `hang` and `look`.
@Suite struct InterleavingBellTests {
    private let scenario = KernelScenario(cores: 2)
    private let time: Ref<SchedulingContext>
    private let notifications: [Ref<KernelCore.Notification>]
    private let looks = Looks()

    /// The results of a core's looks: the number of the notification and the bits, or nothing.
    private final class Looks {
        var found: [(Int?, UInt64)?] = []
    }

    init() {
        let fixture = scenario.fixture
        let time = fixture.object(fixture.create(.schedulingContext), as: SchedulingContext.self)
        self.time = time
        notifications = (0...1).map { _ in
            fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        }
        scenario.name(time, "bell's object")
        // The doorbell has no binding in this test.
        scenario.checksInvariants = false
        let looks = looks
        scenario.atStart = { looks.found = [] }
        hang(0, 1, at: 8)
    }

    private func hang(_ number: Int?, _ bits: UInt64, at address: UInt64) {
        let notification = number.map { notifications[$0] }
        scenario.fixture.model.cores[0].run { K.hang(time.pointee.overrun, notification, bits, address: address) }
    }

    private func look(at address: UInt64) {
        let found = K.look(time.pointee.overrun, address: address)
        looks.found.append(found.map { (notifications.firstIndex(of: $0.notification), $0.bits) })
    }

    /// Notification 0 is at address 8 and notification 1 at address 16, with other bits each time.
    @Test func aLookFindsAllOfOneBell() {
        scenario.body(0) { _ in
            hang(1, 2, at: 16)
            hang(0, 4, at: 8)
        }
        scenario.body(1) { _ in for address in [8, 16, 8] as [UInt64] { look(at: address) } }
        scenario.explore(.deep) { [self] in
            for (index, found) in looks.found.enumerated() {
                guard let (number, bits) = found else { continue }
                guard index == 1 ? number == 1 && bits == 2 : number == 0 && (bits == 1 || bits == 4) else {
                    return "look \(index) found notification \(number ?? -1) with bits \(bits)"
                }
            }
            let isBack = looks.found[0]?.1 == 4 && looks.found[2]?.1 != 4
            return isBack ? "an old bell after a new one" : nil
        }
    }

    /// This scenario is as small as possible, so that all of its schedules are played.
    @Test func aLookDuringOneChangeFindsTheOldBellOrTheNewOne() {
        scenario.body(0) { _ in hang(1, 2, at: 8) }
        scenario.body(1) { _ in look(at: 8) }
        scenario.explore(Extent(deviations: 3, schedules: 2500, random: 0)) { [self] in
            guard let found = looks.found.first, let (number, bits) = found else { return "nothing found" }
            return (number, bits) == (0, 1) || (number, bits) == (1, 2)
                ? nil : "notification \(number ?? -1) with bits \(bits)"
        }
    }

    /// A core that was told of the change finds the new doorbell.
    @Test func aLookAfterTheChangeFindsTheNewBell() {
        let told = notifications[0]
        scenario.body(0) { _ in
            hang(1, 2, at: 8)
            told.pointee.bits.store(1)
        }
        scenario.body(1) { _ in
            guard Interleaving.wait(until: { told.pointee.bits.load() != 0 }) else { return }
            look(at: 8)
        }
        scenario.explore { [self] in
            guard let found = looks.found.first, let (number, bits) = found else { return "nothing found" }
            return number == 1 && bits == 2 ? nil : "found notification \(number ?? -1) with bits \(bits)"
        }
    }

    /// No bits are raised any more after a doorbell was removed, because its notification's memory may have another
    /// use.
    @Test func nothingIsFoundOnceABellWasTakenDown() {
        let told = notifications[1]
        scenario.body(0) { _ in
            hang(nil, 0, at: 0)
            told.pointee.bits.store(1)
        }
        scenario.body(1) { _ in
            look(at: 8)
            guard Interleaving.wait(until: { told.pointee.bits.load() != 0 }) else { return }
            look(at: 8)
        }
        scenario.explore { [self] in
            guard looks.found.count == 2 else { return "\(looks.found.count) looks" }
            if let (number, bits) = looks.found[0], number != 0 || bits != 1 { return "found a bell that never was" }
            return looks.found[1] == nil ? nil : "a bell is left"
        }
    }

    /// A change comes during each attempt. After eight attempts the core no longer waits.
    @Test func aLookThatIsDisturbedOverAndOverEnds() {
        let core = scenario.fixture.model.cores[1]
        final class Turns { var asked = 0, done = 0 }
        let turns = Turns(), before = scenario.atStart
        scenario.atStart = {
            before()
            (turns.asked, turns.done) = (0, 0)
        }
        scenario.body(0) { _ in
            for turn in 1...12 {
                // The other core waits meanwhile, or has given up.
                guard Interleaving.wait(until: { turns.asked >= turn }) else { return }
                hang(1 - turn & 1, UInt64(turn), at: 8)
                turns.done = turn
            }
        }
        scenario.body(1) { _ in
            core.betweenLoads = {
                turns.asked += 1
                // The store tells the other core, which may wait, of the change.
                notifications[0].pointee.bits.store(UInt64(turns.asked))
                _ = Interleaving.wait(until: { turns.done >= turns.asked })
            }
            look(at: 8)
            core.betweenLoads = nil
        }
        scenario.explore { [self] in
            guard looks.found.count == 1, turns.asked <= K.attempts else { return "\(turns.asked) attempts" }
            // A doorbell may be seen late, but then as a whole.
            guard let (number, bits) = looks.found[0] else {
                return turns.asked == K.attempts ? nil : "given up too early"
            }
            return number == Int(1 - bits & 1) ? nil : "found notification \(number ?? -1) with bits \(bits)"
        }
    }
}
