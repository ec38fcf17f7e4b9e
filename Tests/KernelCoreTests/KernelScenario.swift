import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// A small scenario on the real kernel, of which every interleaving is played (`Tests/Interleaving`).
///
/// A test sets up a fixture, gives a program to each context, and checks a condition at the end:
///
///     let scenario = KernelScenario(cores: 2)
///     let sleeper = scenario.fixture.makeThread(priority: 10, core: 1, notified: true)
///     scenario.fixture.wait(sleeper)
///     scenario.program(scenario.fixture.root, scenario.signal(sleeper.notification, 1))
///     scenario.explore { sleeper.state == .ready ? nil : "the signal is lost" }
///
/// Each core runs in a host thread. It takes interrupts, does the next step of the current context, and ends
/// after all activity has ended. A step is one kernel entry. Each schedule ends with a check of the model's faults and
/// of the invariants, and then the memory gets back its contents from the call of `explore`.
final class KernelScenario {
    /// One kernel entry of a context that is current on this core.
    typealias Step = (ModelCore, Ref<ExecutionContext>) -> Void

    let fixture: Fixture
    private var programs: [UInt64: [Step]] = [:]
    private var endless: [UInt64: Step] = [:]
    /// The bodies of cores that run no programs.
    private var bodies: [Int: (ModelCore) -> Void] = [:]
    private var names: [(address: UInt64, size: UInt64, name: String)] = []
    /// The number of steps of each context's program that a core has played, by the core.
    private let progress: [Progress]
    /// True if a program may end early, because its context stops, or waits for ever.
    var mayEndEarly = false
    var checksInvariants = true
    /// The number of schedules for each check of the invariants in the short form, because a check takes longer than a
    /// schedule.
    var invariantsEach = 8
    private var played = 0
    /// An action before each schedule, after memory was restored.
    var atStart: () -> Void = {}

    private final class Progress {
        var steps: [UInt64: Int] = [:]
    }

    init(cores: Int, listRegisters: Int = 4) {
        progress = (0..<cores).map { _ in Progress() }
        fixture = Fixture(cores: cores, memory: 4 << 20, listRegisters: listRegisters)
        for index in 0..<cores { name(fixture.core(index), "core \(index)") }
        name(fixture.model.kernelBoard, "board")
    }

    // MARK: Programs

    /// Gives a context steps to do one after another, each when it is current.
    func program(_ context: Ref<ExecutionContext>, _ steps: Step...) {
        programs[context.address.value, default: []] += steps
    }

    /// Lets a context repeat a step after its program, in which it waits for something.
    func endlessly(_ context: Ref<ExecutionContext>, _ step: @escaping Step) { endless[context.address.value] = step }

    /// Lets a core run `body` instead of programs. The body enters the kernel itself (`ModelCore.enter`).
    func body(_ core: Int, _ body: @escaping (ModelCore) -> Void) { bodies[core] = body }

    /// Returns an operation, which takes the fast paths if they accept it, as on the board.
    func operation(_ operation: ABI.Operation, _ slot: UInt32 = 0, form: UInt32 = 0, _ words: UInt64...) -> Step {
        { [fixture] core, context in
            context.pointee.frame.x[0] = operation.rawValue
            context.pointee.frame.x[1] = Selector(slot: slot, form: form).bits
            for place in 0..<6 { context.pointee.frame.x[2 + place] = place < words.count ? words[place] : 0 }
            let isDone =
                fixture.usesFastPath
                && core.enter { kernelCore in
                    guard fixture.doFast(kernelCore, context) != nil else { return false }
                    core.check()
                    return true
                }
            if !isDone { Self.enter(core) { K.operate($0, context) } }
        }
    }

    func signal(_ notification: UInt32, _ bits: UInt64) -> Step { operation(.signal, notification, bits) }
    var wait: Step { operation(.replyWait, form: ReplyForm.wait) }

    /// A wait for bits, which keeps the bits received before (`heard`).
    var listening: Step {
        let wait = wait
        return { core, context in
            Self.note(context)
            wait(core, context)
        }
    }

    /// Returns the bits that a context has received in `listening`.
    func heard(_ context: Ref<ExecutionContext>) -> UInt64 {
        Self.note(context)
        return context.pointee.frame.x[Self.heardPlace]
    }

    /// A register that no operation touches.
    private static let heardPlace = 20

    private static func note(_ context: Ref<ExecutionContext>) {
        guard context.pointee.state == .ready, context.pointee.frame.x[0] == Status.notified.rawValue else { return }
        context.pointee.frame.x[heardPlace] |= context.pointee.frame.x[1]
        context.pointee.frame.x[0] = Status.ok.rawValue
    }

    /// Returns an operation that is repeated until it is done, in an entry each time, and a further action before any
    /// interrupt.
    func untilDone(
        _ operation: ABI.Operation, _ slot: UInt32, form: UInt32 = 0, then: @escaping () -> Void = {}
    ) -> Step {
        let once = self.operation(operation, slot, form: form)
        return { core, context in
            while true {
                once(core, context)
                guard context.pointee.frame.x[0] == Status.again.rawValue else { return then() }
                if core.pendingInterrupt == nil { ModelHardware.relax() }
                while core.pendingInterrupt != nil { Self.enter(core) { _ in _ = core.takeInterrupt() } }
                guard core.kernelCore.pointee.current == context else { return }
            }
        }
    }

    /// Performs one kernel entry, from the vectors to the return.
    static func enter(_ core: ModelCore, _ body: (Ref<Core>) -> Void) {
        core.enter { kernelCore in
            body(kernelCore)
            _ = K.resume(kernelCore)
            core.check()
        }
    }

    // MARK: Exploring

    /// Names an object in traces.
    func name<Object: ~Copyable>(_ object: Ref<Object>, _ text: String) {
        names.append((object.address.value, UInt64(MemoryLayout<Object>.size), text))
    }

    private func name(of address: UInt) -> String? {
        names.first { UInt64(address) &- $0.address < $0.size }
            .map { "\($0.name) + \(UInt64(address) - $0.address)" }
    }

    /// Plays core `index` until all activity has ended.
    private func play(_ core: ModelCore, _ progress: Progress) {
        while true {
            while core.pendingInterrupt != nil { Self.enter(core) { _ in _ = core.takeInterrupt() } }
            if let context = core.kernelCore.pointee.current, let step = nextStep(context, progress) {
                step(core, context)
            } else if !Interleaving.wait(until: { core.pendingInterrupt != nil }) {
                return
            }
        }
    }

    private func nextStep(_ context: Ref<ExecutionContext>, _ progress: Progress) -> Step? {
        let steps = programs[context.address.value] ?? [], place = progress.steps[context.address.value, default: 0]
        guard place < steps.count else { return endless[context.address.value] }
        progress.steps[context.address.value] = place + 1
        return steps[place]
    }

    /// Returns a reason if a step was never played, because the scenario then proves nothing about it.
    private func unplayed() -> String? {
        guard !mayEndEarly else { return nil }
        for (address, steps) in programs {
            let core = Ref<ExecutionContext>(at: PhysicalAddress(address)).pointee.core.index
            guard bodies[core] == nil else { continue }
            let played = progress[core].steps[address, default: 0]
            if played < steps.count {
                let name = name(of: UInt(address)) ?? "a context"
                return "\(name) of core \(core) played \(played) of \(steps.count) steps"
            }
        }
        return nil
    }

    private func body(_ index: Int) {
        let core = fixture.model.cores[index]
        core.run {
            if let body = bodies[index] { return body(core) }
            progress[index].steps = [:]
            play(core, progress[index])
        }
    }

    /// The scenario, for `Scenario.explore` and `replay`.
    func scenario(_ check: @escaping () -> String?) -> Scenario {
        fixture.settleAll()
        let snapshot = BoardSnapshot(
            fixture.model, upTo: fixture.object(fixture.region, as: Region.self).pointee.next + (64 << 10))
        return Scenario(
            cores: fixture.model.cores.count,
            reset: { [self] in
                snapshot.restore()
                atStart()
            },
            body: { [self] in body($0) },
            check: { [self] in
                if let reason = check() ?? unplayed() { return reason }
                let faults = fixture.model.takeFaults()
                if !faults.isEmpty { return "faults: \(faults)" }
                played += 1
                guard checksInvariants, Extent.isFull || Extent.isReplay || played % invariantsEach == 0
                else { return nil }
                let broken = Invariants(fixture).broken()
                return broken.isEmpty ? nil : "invariants: \(broken)"
            },
            name: { [self] in name(of: $0) })
    }

    /// Plays the scenario's schedules. A failure becomes an issue of the test.
    @discardableResult
    func explore(
        _ extent: Extent? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ check: @escaping () -> String?
    ) -> Exploration {
        let result = scenario(check).explore(extent ?? .usual(cores: fixture.model.cores.count))
        if let failure = result.failure {
            Issue.record("\(failure)", sourceLocation: sourceLocation)
        } else if result.completeUpTo < 1, !Extent.isReplay {
            Issue.record(
                "not all schedules with one deviation were played: \(result.summary)", sourceLocation: sourceLocation)
        }
        if Extent.isReported {
            print("interleavings: \(sourceLocation.fileName):\(sourceLocation.line)", result.summary)
        }
        return result
    }
}

extension Extent {
    /// Two cores have so few schedules with two deviations that most of them fit.
    static func usual(cores: Int) -> Extent {
        isFull
            ? Extent(deviations: 3, schedules: 36_000, random: 2000)
            : Extent(deviations: 2, schedules: cores == 2 ? 800 : 150, random: 40)
    }
}
