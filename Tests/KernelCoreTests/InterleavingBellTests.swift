import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// A bell that one core changes while another one looks at it: the seqlock of `hang` and `look`.
@Suite struct InterleavingBellTests {
    private let scenario = KernelScenario(cores: 2)
    private let time: Ref<SchedulingContext>
    private let notifications: [Ref<KernelCore.Notification>]
    private let looks = Looks()

    /// The look of a core: the number of the notification and the bits, or nothing.
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
        // The bell has no binding here.
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

    /// Notification 0 hangs at address 8 and notification 1 at address 16: with other bits each time.
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

    /// As small as it can be, so that it is played to the end.
    @Test func aLookDuringOneChangeFindsTheOldBellOrTheNewOne() {
        scenario.body(0) { _ in hang(1, 2, at: 8) }
        scenario.body(1) { _ in look(at: 8) }
        scenario.explore(Extent(deviations: 3, schedules: 2500, random: 0)) { [self] in
            guard let found = looks.found.first, let (number, bits) = found else { return "nothing found" }
            return (number, bits) == (0, 1) || (number, bits) == (1, 2)
                ? nil : "notification \(number ?? -1) with bits \(bits)"
        }
    }

    /// A core that knows of the change, because it was told, looks at the new bell.
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

    /// Nothing is raised any more once a bell was taken down: what it led to may be something else.
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

    /// A change comes during each attempt: after eight of them, the core waits no longer.
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
                // Tells the other core, which may wait, that something has happened.
                notifications[0].pointee.bits.store(UInt64(turns.asked))
                _ = Interleaving.wait(until: { turns.done >= turns.asked })
            }
            look(at: 8)
            core.betweenLoads = nil
        }
        scenario.explore { [self] in
            guard looks.found.count == 1, turns.asked <= K.attempts else { return "\(turns.asked) attempts" }
            // A bell that is found was seen late, but all of it.
            guard let (number, bits) = looks.found[0] else {
                return turns.asked == K.attempts ? nil : "given up too early"
            }
            return number == Int(1 - bits & 1) ? nil : "found notification \(number ?? -1) with bits \(bits)"
        }
    }
}
