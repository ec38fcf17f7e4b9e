import Dispatch
import Foundation
import SharedAccess

/// Runs the cores of a scenario one at a time, each in a host thread of its own, in the order of a schedule.
///
/// Only the thread that has the turn touches the state here. The controller waits until all threads have ended.
final class Interleaver: @unchecked Sendable {
    /// A way to continue that a run did not take.
    struct Option {
        var deviation: Deviation
        var cost: Int
    }

    /// An access, for the trace of a failure.
    struct Event {
        var step: Int
        var core: Int
        var text: String
        var place: SharedPlace?
    }

    enum State {
        case ready
        /// The core is in a loop that waits for a store of another core.
        case spinning
        /// The core lets the others go on until all of them wait.
        case pausing
        /// The core waits for an interrupt, or for the end of all activity.
        case idle
        case finished
    }

    let count: Int
    private let body: (Int) -> Void
    private var batons: [DispatchSemaphore] = []
    private let hasEnded = DispatchSemaphore(value: 0)
    private var observers: [CoreObserver] = []
    private var isClosed = false

    // MARK: Of one run
    private var memory: WeakMemory
    private var states: [State] = []
    private var current = 0
    private var step = 0
    private var planned: [Point: Int] = [:]
    /// The number of the schedule's deviations that are still to come.
    private var plannedLeft = 0
    private var policy: RandomPolicy?
    /// The number of stores of other cores since each core last waited.
    private var news: [Int] = []
    /// The locations of which each core has returned an old value since it last waited.
    private var isBehind: [Set<Int>] = []
    /// The access before which the last deviation let another core go on.
    private var interrupted: (core: Int, location: Int, isStore: Bool)?
    /// True if no access of another core meanwhile touched the same location, so that a later switch has the same
    /// effect.
    private(set) var isRedundant = false
    /// The core whose access was delayed without effect, until its next point, because the later switch can only be
    /// there.
    private var owed: Int?
    /// True if the last deviation lets another core go on after a store, and not before an access.
    private(set) var endsAfterStore = false
    private var isQuiet = false
    private var wholeDepth = 0
    private(set) var taken: [Deviation] = []
    private(set) var options: [Option] = []
    private(set) var failures: [String] = []
    private(set) var events: [Event] = []
    var isTraced = false
    /// True if the run cannot end. It leaves its threads behind.
    private(set) var isStuck = false
    var accessCount: Int { step }

    /// The cores that have loaded and stored each location in all runs so far, with a bit for each core.
    private var loaders: [UInt8] = []
    private var storers: [UInt8] = []
    /// The number of such facts. If it grows, earlier runs did not offer all points.
    private(set) var knowledge = 0

    static let stepLimit = 20_000

    /// Prepares the cores.
    ///
    /// - Parameter other: an interleaver of the same scenario, whose knowledge of the locations this one takes over.
    init(cores: Int, body: @escaping (Int) -> Void, knowing other: Interleaver? = nil) {
        count = cores
        self.body = body
        memory = other?.memory ?? WeakMemory(cores: cores)
        loaders = other?.loaders ?? []
        storers = other?.storers ?? []
        for index in 0..<cores {
            batons.append(DispatchSemaphore(value: 0))
            observers.append(CoreObserver(self, index))
        }
        for index in 0..<cores {
            let thread = Thread { [self] in
                SharedAccess.observeThread(by: observers[index])
                while true {
                    batons[index].wait()
                    if isClosed { return }
                    self.body(index)
                    finish(index)
                }
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Ends the threads. Those of a stuck run stay where they are.
    func close() {
        guard !isStuck, !isClosed else { return }
        isClosed = true
        for baton in batons { baton.signal() }
    }

    /// Plays one schedule from the beginning to the end of all cores.
    func run(_ schedule: Schedule, random: RandomPolicy? = nil) {
        memory.reset()
        states = Array(repeating: .ready, count: count)
        news = Array(repeating: 1, count: count)
        isBehind = Array(repeating: [], count: count)
        step = 0
        planned = Dictionary(uniqueKeysWithValues: schedule.deviations.map { ($0.point, $0.choice) })
        plannedLeft = planned.count
        interrupted = nil
        isRedundant = false
        owed = nil
        endsAfterStore = false
        policy = random
        isQuiet = false
        wholeDepth = 0
        taken = []
        options = []
        failures = []
        events = []
        SharedAccess.beginExploration()
        current = choose(among: Array(0..<count), at: Point(step: 0, part: .blocked), cost: 0)
        batons[current].signal()
        hasEnded.wait()
        SharedAccess.endExploration()
        // The schedule belongs to another scenario, or the same scenario did not repeat its accesses.
        if plannedLeft != 0, !isStuck, failures.isEmpty {
            fail("\(plannedLeft) deviations of the schedule were not met")
        }
    }

    func fail(_ text: String) { failures.append(text) }

    // MARK: Choices

    /// Returns the schedule's choice, or otherwise the first alternative.
    private func choose(among alternatives: [Int], at point: Point, cost: Int) -> Int {
        if let choice = planned[point], alternatives.contains(choice) {
            plannedLeft -= 1
            if choice != alternatives[0] { taken.append(Deviation(point: point, choice: choice)) }
            return choice
        }
        guard alternatives.count > 1 else { return alternatives[0] }
        if policy != nil {
            let choice = policy!.choose(alternatives, isSwitch: point.part != .value, isForced: cost == 0)
            if choice != alternatives[0] { taken.append(Deviation(point: point, choice: choice)) }
            return choice
        }
        guard plannedLeft == 0 else { return alternatives[0] }
        for choice in alternatives.dropFirst() {
            options.append(Option(deviation: Deviation(point: point, choice: choice), cost: cost))
        }
        return alternatives[0]
    }

    /// Lets another core continue here if it touches the same location, or if the schedule demands it.
    private func pause(_ core: Int, _ location: Int, isStore: Bool, _ point: Point) {
        let involved = isStore ? loaders[location] | storers[location] : storers[location]
        let wanted = planned[point]
        guard involved & ~(1 << UInt8(core)) != 0 || wanted != nil else { return }
        if owed == core {
            owed = nil
            // Here no later switch is possible.
            if wholeDepth != 0 { isRedundant = false }
        }
        guard wholeDepth == 0 else { return }
        var alternatives = [core]
        for offset in 1..<count {
            let other = (core + offset) % count
            guard states[other] == .ready || states[other] == .pausing else { continue }
            if involved & 1 << UInt8(other) != 0 || wanted == other { alternatives.append(other) }
        }
        let isLast = plannedLeft == 1
        let next = choose(among: alternatives, at: point, cost: 1)
        guard next != core else { return }
        if isLast, plannedLeft == 0 {
            endsAfterStore = point.part == .after
            isRedundant = !endsAfterStore
            if isRedundant { interrupted = (core, location, isStore) }
        }
        handOver(from: core, to: next)
        guard interrupted?.core == core else { return }
        interrupted = nil
        if isRedundant { owed = core }
    }

    /// Notes that another access touches the location of the interrupted one.
    private func meet(_ location: Int, isStore: Bool) {
        guard let access = interrupted, access.location == location, access.isStore || isStore else { return }
        isRedundant = false
        interrupted = nil
    }

    private func handOver(from core: Int, to next: Int) {
        states[next] = .ready
        current = next
        batons[next].signal()
        batons[core].wait()
    }

    /// Returns the number of the next access, or of a wait.
    @discardableResult
    private func advance(_ core: Int) -> Int {
        step += 1
        if step > Self.stepLimit { giveUp("the run does not end") }
        return step
    }

    /// Ends a run that cannot go on. Its threads wait for ever, because nothing can take them out of the kernel.
    private func giveUp(_ text: String) -> Never {
        isStuck = true
        fail(text)
        hasEnded.signal()
        while true { sleep(1000) }
    }

    // MARK: Waiting

    private func nextReady(after core: Int, cost: Int) -> Int? {
        let ready = (1...count).map { (core + $0) % count }.filter { states[$0] == .ready }
        return ready.isEmpty ? nil : choose(among: ready, at: Point(step: step, part: .blocked), cost: cost)
    }

    /// Returns a core that can go on if `core` does not, or nil if all have finished.
    private func successor(of core: Int, cost: Int) -> Int? {
        if let next = nextReady(after: core, cost: cost) { return next }
        if states.allSatisfy({ $0 == .finished }) { return nil }
        guard !states.contains(.spinning), !isQuiet || states.contains(.idle) || states.contains(.pausing) else {
            giveUp("no core can go on: \(states.indices.map { "core \($0) is \(states[$0])" }.joined(separator: ", "))")
        }
        if let index = states.firstIndex(of: .pausing) {
            states[index] = .ready
            return nextReady(after: core, cost: cost)
        }
        isQuiet = true
        for index in states.indices where states[index] == .idle { states[index] = .ready }
        return nextReady(after: core, cost: cost)
    }

    func wait(_ core: Int, as state: State) -> Bool {
        advance(core)
        if isQuiet, state == .idle { return false }
        if state != .pausing, !isBehind[core].isEmpty {
            memory.catchUp(core, isBehind[core])
            isBehind[core] = []
            return true
        }
        if state != .pausing, news[core] != 0 {
            news[core] = 0
            return true
        }
        states[core] = state
        if isTraced { events.append(Event(step: step, core: core, text: "waits", place: nil)) }
        if let next = successor(of: core, cost: 1), next != core { handOver(from: core, to: next) }
        news[core] = 0
        return !(isQuiet && state == .idle)
    }

    private func finish(_ core: Int) {
        advance(core)
        states[core] = .finished
        if let next = successor(of: core, cost: 0) {
            current = next
            batons[next].signal()
        } else {
            hasEnded.signal()
        }
    }

    // MARK: Accesses

    private func location(_ place: SharedPlace, _ core: Int, loads: Bool, stores: Bool) -> Int {
        let location = memory.number(place)
        while loaders.count <= location {
            loaders.append(0)
            storers.append(0)
        }
        let own: UInt8 = 1 << UInt8(core)
        if loads, loaders[location] & own == 0 {
            loaders[location] |= own
            if storers[location] & ~own != 0 { knowledge += 1 }
        }
        if stores, storers[location] & own == 0 {
            storers[location] |= own
            if (loaders[location] | storers[location]) & ~own != 0 { knowledge += 1 }
        }
        return location
    }

    private func tell(_ core: Int) {
        for other in 0..<count where other != core {
            news[other] += 1
            if states[other] == .spinning || states[other] == .idle { states[other] = .ready }
        }
    }

    func load(_ core: Int, _ place: SharedPlace, _ order: LoadOrder) -> UInt64 {
        let step = advance(core)
        let location = location(place, core, loads: true, stores: false)
        pause(core, location, isStore: false, Point(step: step, part: .before))
        meet(location, isStore: false)
        memory.settle(location)
        memory.touch(core, location, loads: true, stores: false)
        let older = wholeDepth == 0 ? memory.olderCount(core, location, order) : 0
        let back = lookBack(core, location, among: Array(0...max(0, min(older, 2))), step)
        let value = memory.load(core, location, order, back: back)
        trace(core, step, place, back == 0 ? "loads" : "loads the old", value)
        return value
    }

    /// Returns the number of stores by which a load looks back.
    private func lookBack(_ core: Int, _ location: Int, among alternatives: [Int], _ step: Int) -> Int {
        guard alternatives.count > 1 else { return 0 }
        let back = choose(among: alternatives, at: Point(step: step, part: .value), cost: 1)
        if back != 0 { isBehind[core].insert(location) }
        return back
    }

    func store(_ core: Int, _ place: SharedPlace, _ value: UInt64, _ order: StoreOrder) {
        let step = advance(core)
        let location = location(place, core, loads: false, stores: true)
        pause(core, location, isStore: true, Point(step: step, part: .before))
        meet(location, isStore: true)
        memory.settle(location)
        memory.touch(core, location, loads: false, stores: true)
        memory.store(core, location, value, order)
        trace(core, step, place, order == .release ? "releases" : "stores", value)
        tell(core)
        if order == .release { pause(core, location, isStore: true, Point(step: step, part: .after)) }
    }

    func update(
        _ core: Int, _ place: SharedPlace, _ order: UpdateOrder, _ change: (UInt64) -> UInt64?
    ) -> UInt64 {
        let step = advance(core)
        let location = location(place, core, loads: true, stores: true)
        pause(core, location, isStore: true, Point(step: step, part: .before))
        meet(location, isStore: true)
        memory.settle(location)
        memory.touch(core, location, loads: true, stores: true)
        var alternatives = [0]
        if wholeDepth == 0 {
            // A read-modify-write that changes nothing is a load.
            alternatives += memory.olderValues(core, location, order).prefix(2).filter { change($0.value) == nil }
                .map(\.back)
        }
        let back = lookBack(core, location, among: alternatives, step)
        guard back == 0 else {
            let old = memory.load(core, location, order.acquires ? .acquire : .relaxed, back: back)
            trace(core, step, place, "does not exchange the old", old)
            return old
        }
        let (old, isChanged) = memory.update(core, location, order, change)
        trace(core, step, place, "exchanges \(hex(old)) for", memory.newest(location))
        if isChanged {
            tell(core)
            pause(core, location, isStore: true, Point(step: step, part: .after))
        }
        return old
    }

    func order(_ core: Int, _ barrier: Barrier) {
        memory.order(core, barrier)
        if isTraced { events.append(Event(step: step, core: core, text: "orders \(barrier)", place: nil)) }
    }

    /// Plays plain stores of 0: each known location there gets a store that nothing orders.
    func zero(_ core: Int, _ address: UInt, _ size: UInt) {
        for number in memory.places.indices where memory.places[number].address &- address < size {
            let location = location(memory.places[number], core, loads: false, stores: true)
            memory.settle(location)
            own(core, location)
            memory.touch(core, location, loads: false, stores: true)
            memory.store(core, location, 0, .relaxed)
        }
    }

    /// Notes a plain store of the core. Each access of another core to the word must be known to have ended.
    func own(_ core: Int, _ place: SharedPlace) { own(core, memory.number(place)) }

    private func own(_ core: Int, _ location: Int) {
        guard wholeDepth == 0, let other = memory.unordered(core, location) else { return }
        let address = memory.places[location].address
        fail(
            "core \(core) takes the word at \(hex(UInt64(address))), of which an access of core \(other) may not have ended"
        )
    }

    func beginWhole() { wholeDepth += 1 }
    func endWhole() { wholeDepth -= 1 }

    private func trace(_ core: Int, _ step: Int, _ place: SharedPlace, _ text: String, _ value: UInt64) {
        guard isTraced else { return }
        events.append(Event(step: step, core: core, text: "\(text) \(hex(value))", place: place))
    }

    private func hex(_ value: UInt64) -> String { String(value, radix: 16) }
}
