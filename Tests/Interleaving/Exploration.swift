import Foundation
import SharedAccess

// Every interleaving of the very code, for small scenarios.
//
// How to write one. A `Scenario` has two or three cores. `reset` puts everything back to the beginning; `body` is what
// a core does, in a host thread of its own; `check` says what is wrong when all cores have ended. Shared words that are
// accessed through the types of the project are points at which another core continues, and relaxed loads return old
// values where Armv8 allows it. Inside of a body, `Interleaving.wait(until:)` waits for a condition that another core
// makes true, and returns false when no core can do anything any more; `Interleaving.fail` reports what must not be.
//
// A run that leaves its usual course nowhere plays one core after the other. `explore` tries each way to leave it up to
// `deviations` times: by going on with another core before an access or after a release, or by returning an older
// value. Only at words that two cores touch, one of them by a store: other points make no difference. No further
// deviation is added to a switch after which no other core had to do with the access that was put off, because the same
// comes of a later switch; in the short form neither to a switch after a store. Then runs follow that leave the usual
// course at random. A failure names its schedule, which `ENTENTE_SCHEDULE` plays again, with a trace.
//
// `reset` and `check` run while no core does, and outside of the exploration: their accesses are ordinary ones. A trap
// ends the process before the schedule is printed; `ENTENTE_INTERLEAVINGS=print` prints each one before it is played.

/// A few cores on shared words.
public struct Scenario {
    public var cores: Int
    public var reset: () -> Void
    public var body: (_ core: Int) -> Void
    /// Returns the reason for which the end is wrong, or nil.
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

/// How far an exploration goes.
public struct Extent: Sendable {
    public var deviations: Int
    /// The number of schedules with two deviations and more at most; of larger sets a sample. All with one are played.
    public var schedules: Int
    public var random: Int
    public var seed: UInt64

    public init(deviations: Int = 2, schedules: Int = 1000, random: Int = 100, seed: UInt64 = 1) {
        self.deviations = deviations
        self.schedules = schedules
        self.random = random
        self.seed = seed
    }

    /// Whether the long form is asked for: `ENTENTE_INTERLEAVINGS=full`.
    public static let isFull = mode == "full"
    /// Whether each exploration prints how far it came: `ENTENTE_INTERLEAVINGS=full` or `report`.
    public static let isReported = isFull || mode == "report"
    /// Whether one schedule is played instead of all.
    public static var isReplay: Bool { only != nil }
    static let isPrinted = mode == "print"
    private static let mode = ProcessInfo.processInfo.environment["ENTENTE_INTERLEAVINGS"]
    /// The schedule that is to be played instead of all others.
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
    /// The most deviations up to which every schedule was played; -1: not even the usual one.
    public internal(set) var completeUpTo = -1
    public internal(set) var failure: Failure?
    /// For each number of deviations, how many schedules there are to play.
    public internal(set) var sizes: [Int] = []
    /// How many of those were played that `Extent.schedules` bounds.
    var sampled = 0
    /// In milliseconds.
    public internal(set) var duration = 0.0

    public var summary: String {
        "\(schedules) schedules of \(sizes), complete up to \(completeUpTo) deviations, "
            + "\(accesses / max(1, schedules)) accesses each, \(Int(duration)) ms"
    }
}

public enum Interleaving {
    /// Waits until another core has made `condition` true. Returns false when no core can do anything any more.
    public static func wait(until condition: () -> Bool) -> Bool {
        guard let observer = SharedAccess.observer as? CoreObserver else { return condition() }
        while !condition() {
            guard observer.interleaver.wait(observer.index, as: .idle) else { return condition() }
        }
        return true
    }

    /// Other cores go on until all wait, unless the schedule says otherwise.
    public static func letOthersGoOn() {
        guard let observer = SharedAccess.observer as? CoreObserver else { return }
        _ = observer.interleaver.wait(observer.index, as: .pausing)
    }

    /// Reports, from inside of a body, that something is wrong.
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
    /// Schedules were left out because they switch once more after a switch behind a store.
    private var isShortened = false

    init(_ scenario: Scenario, _ extent: Extent) {
        self.scenario = scenario
        self.extent = extent
        interleaver = Interleaver(cores: scenario.cores, body: scenario.body)
    }

    /// Returns whether the schedule went well.
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

    /// The accesses of a schedule that failed, played once more.
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
        // Once more if a run has shown that further cores touch a word: runs before did not stop there.
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

    /// Plays a few runs at random, which show what words several cores touch. Returns whether all went well.
    @discardableResult
    mutating func learn() -> Bool {
        (0..<8).allSatisfy { play(Schedule(), random: RandomPolicy(seed: extent.seed &+ UInt64($0) &+ 1_000_000)) }
    }

    /// Plays the schedules with 0, 1, 2 … deviations. Returns whether all went well.
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

    /// Plays schedules with the same number of deviations. Returns those with one more; nil after a failure.
    private mutating func playLevel(_ schedules: [Schedule], isSampled: Bool) -> Level? {
        var waiting = schedules, next = Level(seed: extent.seed)
        while let schedule = waiting.popLast() {
            guard play(schedule) else { return nil }
            if isSampled { result.sampled += 1 }
            // Its children come of the schedule that switches later as well.
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

/// The schedules with one number of deviations, or of too many a random part.
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

    /// Returns `limit` of them at most. Half of a sample return old values, if there are so many: those find missing
    /// barriers.
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
