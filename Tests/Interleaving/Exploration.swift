import Foundation
import SharedAccess

// Explores every interleaving of the project's own code, for small scenarios.
//
// A `Scenario` has two or three cores. `reset` restores the initial state. `body` is the work of a core, in a host
// thread of its own. `check` returns the fault of the state after all cores have ended. Another core may continue at
// each access of a shared word through the types of the project, and relaxed loads return old values if Armv8 allows
// that. Inside of a body, `Interleaving.wait(until:)` waits for a condition that another core makes true, and returns
// false if no core can do anything any more. `Interleaving.fail` reports a fault.
//
// A run without deviations plays one core after the other. `explore` tries each way to deviate up to `deviations`
// times, either by switching to another core before an access or after a release, or by returning an older value. It
// deviates only at words that two cores touch, one of them by a store, because other points make no difference. It adds
// no deviation to a switch after which no other core touched the location of the delayed access, because a later switch
// has the same effect. In the short form it adds none to a switch after a store either. Random runs follow. A failure
// names its schedule, which `ENTENTE_SCHEDULE` plays again, with a trace.
//
// `reset` and `check` run while no core does, and their accesses are ordinary ones, outside of the exploration. A trap
// ends the process before the schedule is printed. `ENTENTE_INTERLEAVINGS=print` prints each schedule before it is
// played.

/// A few cores on shared words.
public struct Scenario {
    public var cores: Int
    public var reset: () -> Void
    public var body: (_ core: Int) -> Void
    /// Returns the fault of the end state, or nil.
    public var check: () -> String?
    /// Returns a name for an address, for traces.
    public var name: (UInt) -> String?

    public init(
        cores: Int, reset: @escaping () -> Void, body: @escaping (_ core: Int) -> Void,
        check: @escaping () -> String?, name: @escaping (UInt) -> String? = { _ in nil }
    ) {
        self.cores = cores
        self.reset = reset
        self.body = body
        self.check = check
        self.name = name
    }
}

/// The limits of an exploration.
public struct Extent: Sendable {
    public var deviations: Int
    /// The number of schedules with two or more deviations, at most. Of a larger set a sample is played. All schedules
    /// with one deviation are played.
    public var schedules: Int
    public var random: Int
    public var seed: UInt64

    public init(deviations: Int = 2, schedules: Int = 1000, random: Int = 100, seed: UInt64 = 1) {
        self.deviations = deviations
        self.schedules = schedules
        self.random = random
        self.seed = seed
    }

    /// True if the long form is selected by `ENTENTE_INTERLEAVINGS=full`.
    public static let isFull = mode == "full"
    /// True if each exploration prints its progress: `ENTENTE_INTERLEAVINGS=full` or `report`.
    public static let isReported = isFull || mode == "report"
    /// True if one schedule is played instead of all.
    public static var isReplay: Bool { only != nil }
    static let isPrinted = mode == "print"
    private static let mode = ProcessInfo.processInfo.environment["ENTENTE_INTERLEAVINGS"]
    /// The schedule that is played instead of all others.
    static let only = ProcessInfo.processInfo.environment["ENTENTE_SCHEDULE"].flatMap { Schedule($0) }
}

public struct Exploration {
    public struct Failure: CustomStringConvertible {
        public var schedule: Schedule
        public var reason: String
        public var trace: String
        public var description: String {
            "\(reason)\nENTENTE_SCHEDULE='\(schedule)' plays this again:\n\(trace)"
        }
    }

    public internal(set) var schedules = 0
    public internal(set) var accesses = 0
    /// The largest number of deviations up to which every schedule was played; -1 if not even the usual one was.
    public internal(set) var completeUpTo = -1
    public internal(set) var failure: Failure?
    /// The number of schedules to play, for each number of deviations.
    public internal(set) var sizes: [Int] = []
    /// The number of played schedules that count against `Extent.schedules`.
    var sampled = 0
    /// The duration in milliseconds.
    public internal(set) var duration = 0.0

    public var summary: String {
        "\(schedules) schedules of \(sizes), complete up to \(completeUpTo) deviations, "
            + "\(accesses / max(1, schedules)) accesses each, \(Int(duration)) ms"
    }
}

public enum Interleaving {
    /// Waits until another core has made `condition` true. Returns false if no core can do anything any more.
    public static func wait(until condition: () -> Bool) -> Bool {
        guard let observer = SharedAccess.observer as? CoreObserver else { return condition() }
        while !condition() {
            guard observer.interleaver.wait(observer.index, as: .idle) else { return condition() }
        }
        return true
    }

    /// Lets other cores go on until all of them wait, unless the schedule decides otherwise.
    public static func letOthersGoOn() {
        guard let observer = SharedAccess.observer as? CoreObserver else { return }
        _ = observer.interleaver.wait(observer.index, as: .pausing)
    }

    /// Reports a fault from inside of a body.
    public static func fail(_ text: String) { (SharedAccess.observer as? CoreObserver)?.interleaver.fail(text) }
}

extension Scenario {
    /// Plays schedules until one fails or `extent` is done.
    public func explore(_ extent: Extent = Extent()) -> Exploration {
        if let schedule = Extent.only { return replay(schedule, extent) }
        var explorer = Explorer(self, extent)
        let start = Date()
        explorer.explore()
        explorer.result.duration = -start.timeIntervalSinceNow * 1000
        return explorer.result
    }

    /// Plays one schedule that was found with this extent.
    public func replay(_ schedule: Schedule, _ extent: Extent = Extent()) -> Exploration {
        var explorer = Explorer(self, extent)
        defer { explorer.interleaver.close() }
        explorer.learn()
        explorer.result = Exploration()
        explorer.play(schedule)
        return explorer.result
    }
}

struct Explorer {
    let scenario: Scenario
    let extent: Extent
    var interleaver: Interleaver
    var result = Exploration()
    /// True if schedules were left out because they switch once more after a switch behind a store.
    private var isShortened = false

    init(_ scenario: Scenario, _ extent: Extent) {
        self.scenario = scenario
        self.extent = extent
        interleaver = Interleaver(cores: scenario.cores, body: scenario.body)
    }

    /// Returns true if the schedule found no fault.
    @discardableResult
    mutating func play(_ schedule: Schedule, random: RandomPolicy? = nil) -> Bool {
        if Extent.isPrinted { print("schedule \(schedule)") }
        scenario.reset()
        interleaver.run(schedule, random: random)
        result.schedules += 1
        result.accesses += interleaver.accessCount
        var reasons = interleaver.failures
        if !interleaver.isStuck, let reason = scenario.check() { reasons.append(reason) }
        guard !reasons.isEmpty else { return true }
        let failed = Schedule(interleaver.taken)
        result.failure = Exploration.Failure(
            schedule: failed, reason: reasons.joined(separator: "; "), trace: trace(failed))
        return false
    }

    /// Returns the accesses of a schedule that failed, which it plays once more.
    private func trace(_ schedule: Schedule) -> String {
        let again = Interleaver(cores: scenario.cores, body: scenario.body, knowing: interleaver)
        again.isTraced = true
        scenario.reset()
        again.run(schedule)
        again.close()
        let marks = Set(schedule.deviations.map(\.point.step))
        return again.events.suffix(400).map { event in
            let place = event.place.map { scenario.name($0.address) ?? String($0.address, radix: 16) } ?? ""
            return "\(marks.contains(event.step) ? "*" : " ") \(event.step) core \(event.core) \(event.text) \(place)"
        }.joined(separator: "\n")
    }

    mutating func explore() {
        defer { interleaver.close() }
        guard learn() else { return }
        // The level is played once more if a run has shown that further cores touch a word, because earlier runs did
        // not stop there.
        for _ in 0..<4 {
            let knowledge = interleaver.knowledge
            guard playLevels() else { return }
            if interleaver.knowledge == knowledge { break }
            if result.completeUpTo > 0 { result.completeUpTo = 0 }
        }
        for seed in 0..<extent.random {
            guard play(Schedule(), random: RandomPolicy(seed: extent.seed &+ UInt64(seed))) else { return }
        }
    }

    /// Plays a few random runs, which show the words that several cores touch. Returns true if none found a fault.
    @discardableResult
    mutating func learn() -> Bool {
        (0..<8).allSatisfy { play(Schedule(), random: RandomPolicy(seed: extent.seed &+ UInt64($0) &+ 1_000_000)) }
    }

    /// Plays the schedules with 0, 1, 2 … deviations. Returns true if none found a fault.
    private mutating func playLevels() -> Bool {
        var level = Level(seed: extent.seed)
        level.add(Schedule())
        result.completeUpTo = -1
        result.sizes = []
        result.sampled = 0
        for depth in 0..<extent.deviations + 1 {
            let limit = depth < 2 ? .max : max(0, extent.schedules - result.sampled)
            let isWhole = level.count <= min(limit, Level.capacity) && result.completeUpTo == depth - 1
            result.sizes.append(level.count)
            guard let next = playLevel(level.sample(limit), isSampled: limit != .max) else { return false }
            if isWhole, !isShortened || depth < 2 { result.completeUpTo = depth }
            level = next
        }
        return true
    }

    /// Plays schedules with the same number of deviations. Returns those with one more, or nil after a failure.
    private mutating func playLevel(_ schedules: [Schedule], isSampled: Bool) -> Level? {
        var waiting = schedules, next = Level(seed: extent.seed)
        while let schedule = waiting.popLast() {
            guard play(schedule) else { return nil }
            if isSampled { result.sampled += 1 }
            // The schedule that switches later has the same children.
            if interleaver.isRedundant { continue }
            guard Extent.isFull || !interleaver.endsAfterStore else {
                isShortened = true
                continue
            }
            for option in interleaver.options {
                let child = Schedule(schedule.deviations + [option.deviation])
                if option.cost != 0 {
                    next.add(child)
                } else {
                    waiting.append(child)
                    result.sizes[result.sizes.count - 1] += 1
                }
            }
        }
        return next
    }
}

/// The schedules with one number of deviations, or a random part of them if there are too many.
private struct Level {
    static let capacity = 100_000

    private(set) var count = 0
    private var kept: [Schedule] = []
    private var generator: RandomOrder

    init(seed: UInt64) { generator = RandomOrder(state: seed | 1) }

    mutating func add(_ schedule: Schedule) {
        count += 1
        if kept.count < Self.capacity {
            kept.append(schedule)
        } else {
            let place = Int.random(in: 0..<count, using: &generator)
            if place < Self.capacity { kept[place] = schedule }
        }
    }

    /// Returns at most `limit` of them. Half of a sample return old values, if there are so many, because those find
    /// missing barriers.
    mutating func sample(_ limit: Int) -> [Schedule] {
        guard kept.count > limit else { return kept }
        var old = kept.filter(\.returnsOldValues), new = kept.filter { !$0.returnsOldValues }
        old.shuffle(using: &generator)
        new.shuffle(using: &generator)
        let first = min(old.count, max(limit / 2, limit - new.count))
        return Array(new.prefix(limit - first)) + old.prefix(first)
    }
}

/// The order of a sample.
private struct RandomOrder: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
