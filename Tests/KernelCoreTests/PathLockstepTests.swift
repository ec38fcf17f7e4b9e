import ABI
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Compares the fast paths with the general ones: the same operations lead to the same state.
@Suite struct PathLockstepTests {
    @Test func fastPathsDoTheSame() {
        for seed in TestLength.seeds(short: 4, long: 24) {
            var run = Lockstep(seed: seed)
            if let difference = run.play(steps: 300) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }

    /// The most urgent time that leads to a thread that can run has the core, also that of callers that queue.
    @Test func noTimeIsForgotten() {
        for seed in TestLength.seeds(short: 4, long: 24) {
            var run = Lockstep(seed: seed)
            run.looksForForgottenTime = true
            if let difference = run.play(steps: 300) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }
}

/// Two boards with the same events, with and without fast paths.
private struct Lockstep {
    private struct Side {
        let fixture: Fixture
        let tenants: [Tenant]
        let portals: [UInt32]

        init(fast: Bool) {
            let fixture = Fixture()
            self.fixture = fixture
            var tenants: [Tenant] = []
            for index in 0..<7 {
                let priority = [5, 10, 10, 15, 20, 12, 25][index]
                tenants.append(fixture.makeClient(priority: UInt64(priority), budget: index >= 5 ? 100 : 0))
                fixture.succeed(
                    .contextControl, tenants[index].slot, form: ContextControl.setAbortMask.rawValue,
                    index % 3 == 0 ? 2 : 0)
            }
            portals = tenants.map { fixture.makePortal(to: $0) }
            for tenant in tenants { fixture.start(tenant) }
            self.tenants = tenants
            fixture.sleepRoot()
            fixture.usesFastPath = fast
        }

        func index(_ context: Ref<ExecutionContext>?) -> Int {
            guard let context else { return -1 }
            return tenants.firstIndex { $0.context == context } ?? 99
        }

        /// Everything that must be equal, by lines.
        var state: [String] {
            let core = fixture.core(0)
            var lines = [
                "current \(index(core.pointee.current)) time \(index(core.pointee.scheduling?.pointee.context))"
            ]
            for (number, tenant) in tenants.enumerated() {
                let context = tenant.context, time = context.pointee.home!
                let bits = fixture.object(tenant.notification, as: KernelCore.Notification.self).pointee.bits.load()
                lines.append(
                    "\(number): \(context.pointee.state) own \(context.pointee.usesOwnTime) serves \(index(context.pointee.caller)) "
                        + "waits for \(index(context.pointee.server)) depth \(context.pointee.depth) bits \(bits) "
                        + "queued \(time.pointee.isQueued) used \(time.pointee.used.value) left \(time.pointee.left.value) "
                        + "remaining \(time.pointee.remaining.value) exhausted \(time.pointee.isExhausted) "
                        // The kernel writes `x0` of a waiting thread when the thread goes on.
                        + "x \((context.pointee.state == .waiting ? 1..<8 : 0..<8).map { context.pointee.frame.x[$0] })"
                )
            }
            for priority in 0..<32 {
                var next = core.pointee.runQueue.heads[priority]
                var owners: [Int] = []
                while let item = next {
                    owners.append(index(item.pointee.context))
                    next = item.pointee.next
                }
                if !owners.isEmpty { lines.append("queue \(priority): \(owners)") }
            }
            return lines
        }

        /// A tenant whose time leads to a runnable thread and is more urgent than the running one, or nil.
        var forgotten: Int? {
            let running = fixture.core(0).pointee.scheduling.map { Int($0.pointee.priority) } ?? -1
            return tenants.firstIndex {
                let time = $0.context.pointee.home!
                return !time.pointee.isExhausted && Int(time.pointee.priority) > running
                    && K.beneficiary(of: time) != nil
            }
        }
    }

    private var generator: SeededGenerator
    private let sides = [Side(fast: true), Side(fast: false)]
    private var log: [String] = []
    var looksForForgottenTime = false

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func play(steps: Int) -> String? {
        for _ in 0..<steps {
            step()
            let (fast, general) = (sides[0].state, sides[1].state)
            if fast != general {
                let lines = zip(fast, general).filter { $0 != $1 }.map { "\n  fast    \($0)\n  general \($1)" }
                return "after \(log.suffix(25).joined(separator: ", ")):\(lines.joined())"
            }
            if looksForForgottenTime, let who = sides[1].forgotten {
                return "after \(log.suffix(25).joined(separator: ", ")): time of \(who) is forgotten\n"
                    + general.joined(separator: "\n")
            }
        }
        return nil
    }

    private mutating func step() {
        let current = sides[0].index(sides[0].fixture.current())
        let who = generator.below(7), bits = [1, 1, 2, 4][generator.below(4)] as UInt64,
            ticks = UInt64(generator.below(60))
        let choice = generator.below(100)
        if current < 0 || choice < 8 {
            switch generator.below(3) {
            case 0:
                each("root starts \(who)") { side in
                    side.fixture.raiseRoot()
                    side.fixture.start(side.tenants[who])
                    side.fixture.sleepRoot()
                }
            case 1: each("interrupt \(who) \(bits)") { $0.fixture.raise($0.tenants[who].notification, bits) }
            default: each("\(ticks) ticks") { $0.fixture.advance(ticks) }
            }
            return
        }
        switch choice {
        case ..<30: operate(current, "call \(who)", .call) { Selector(slot: $0.portals[who]) }
        case ..<55:
            operate(current, "reply and wait", .replyWait) { _ in
                Selector(slot: 0, form: ReplyForm.reply | ReplyForm.wait)
            }
        case ..<63: operate(current, "wait", .replyWait) { _ in Selector(slot: 0, form: ReplyForm.wait) }
        case ..<66: operate(current, "reply", .replyWait) { _ in Selector(slot: 0, form: ReplyForm.reply) }
        case ..<76:
            operate(current, "signal \(who) \(bits)", .signal, [bits]) { Selector(slot: $0.tenants[who].notification) }
        case ..<80: operate(current, "poll \(who)", .poll) { Selector(slot: $0.tenants[who].notification) }
        case ..<84:
            operate(current, "yield", .scheduleControl) { _ in Selector(slot: 0, form: ScheduleControl.yield.rawValue) }
        case ..<87: control(current, "abort \(who)", .abort, who)
        case ..<89: control(current, "stop \(who)", .stop, who)
        case ..<92: control(current, "start \(who)", .start, who)
        case ..<95:
            each("\(current): timer \(who) in \(ticks)") { side in
                _ = side.fixture.operate(
                    .timer, side.tenants[who].notification, form: TimerForm.set.rawValue,
                    side.fixture.model.now.value + ticks, bits,
                    by: side.tenants[current].context)
            }
        default: each("\(ticks) ticks") { $0.fixture.advance(ticks) }
        }
    }

    private mutating func control(_ current: Int, _ name: String, _ form: ContextControl, _ who: Int) {
        operate(current, name, .contextControl) { Selector(slot: $0.tenants[who].slot, form: form.rawValue) }
    }

    private mutating func operate(
        _ current: Int, _ name: String, _ operation: ABI.Operation, _ words: [UInt64] = [],
        _ selector: (Side) -> Selector
    ) {
        each("\(current): \(name)") { side in
            side.fixture.operate(side.tenants[current].context, operation.rawValue, selector(side), words)
        }
    }

    private mutating func each(_ name: String, _ body: (Side) -> Void) {
        log.append(name)
        for side in sides {
            body(side)
            side.fixture.settleAll()
        }
    }
}
