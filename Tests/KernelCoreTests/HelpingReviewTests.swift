import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Sequences that a hostile review of helping found, and a comparison of the fast paths with the general ones.
@Suite struct HelpingReviewTests {
    // MARK: Time that is parked and forgotten

    /// Low's server queues at an inner one that is stopped. High queues behind low, and its time is parked. Then the inner one goes on.
    @Test(arguments: [true, false])
    func whoQueuesBehindAQueueHelpsAgain(isDestroyed: Bool) {
        let board = Served(server: 20, clients: [1, 25], spinner: 10)
        let (bench, low, high) = (board.bench, board.clients[0], board.clients[1])
        bench.raiseRoot()
        let inner = bench.makeThread(priority: 22)
        let toInner = bench.makePortal(to: inner)
        bench.stop(inner)
        bench.sleepRoot()
        board.start(low)
        bench.call(board.portal, by: low)
        bench.call(toInner, by: board.server)
        board.start(board.spinner)
        board.start(high)
        bench.call(board.portal, by: high)
        #expect(bench.current() == board.spinner.context, "the chain ends at a stopped thread")
        bench.raiseRoot()
        if isDestroyed {
            bench.delete(inner.slot)
            bench.sleepRoot()
            #expect(bench.current() == board.server.context, "25 waits for a server, and 10 spins")
        } else {
            bench.start(inner)
            bench.sleepRoot()
            bench.wait(inner)
            #expect(bench.current() == inner.context, "25 waits for a server, and 10 spins")
        }
        #expect(board.running == board.time(of: high))
    }

    /// The ninth caller of a server that was stopped and started is the most urgent one.
    @Test func theNinthCallerHelpsAgain() {
        let board = Served(server: 20, clients: Array(repeating: 1, count: 8) + [25], spinner: 10)
        let (bench, high) = (board.bench, board.clients[8])
        bench.raiseRoot()
        bench.stop(board.server)
        bench.sleepRoot()
        for client in board.clients {
            board.start(client)
            bench.call(board.portal, by: client)
        }
        board.start(board.spinner)
        board.start(board.server)
        bench.settleAll()
        #expect(bench.current() == board.server.context)
        bench.wait(board.server)
        #expect(bench.current() == board.server.context && board.running == board.time(of: high))
    }

    /// A call to a thread that waits can be the ninth link of a chain that leads through a queue: then the time is parked as soon as the
    /// core looks at it again.
    @Test(arguments: [true, false])
    func aNinthLinkIsParkedSoon(fast: Bool) {
        let bench = Bench()
        bench.usesFastPath = fast
        let last = bench.makeThread(priority: 5)
        let toLast = bench.makePortal(to: last)
        bench.sleepRoot()
        bench.wait(last)
        bench.raiseRoot()
        let threads = (0..<9).map { bench.makeThread(priority: $0 == 0 ? 25 : 5) }
        let portals = threads.map { bench.makePortal(to: $0) }
        bench.sleepRoot()
        for index in 0..<8 { bench.call(portals[index + 1], by: threads[index]) }
        bench.checksInvariants = false
        bench.call(toLast, by: threads[8])
        #expect(bench.current() == last.context)
        bench.raiseRoot()
        bench.sleepRoot()
        bench.checksInvariants = true
        bench.verify()
        #expect(bench.current() == last.context && threads[0].context.pointee.home!.pointee.isParked)
    }

    // MARK: Bits

    /// Whoever may raise bits in a server's notification makes every other caller of it wait, and pay: bits always come first.
    @Test func aFloodOfBitsKeepsNoCallerWaiting() {
        let board = Served(server: 20, clients: [25], spinner: 10)
        let (bench, client) = (board.bench, board.clients[0])
        bench.raise(board.server.notification, 4)
        board.start(client)
        bench.call(board.portal, by: client)
        var handled = 0
        while board.server.context.pointee.caller == nil, handled < 50 {
            // From another core, say, while the server handles the last bits on its caller's time.
            bench.raise(board.server.notification, 4)
            bench.advance(10)
            bench.wait(board.server)
            handled += 1
        }
        #expect(handled <= 2 && board.used(by: client) <= 20, "\(handled) notifications before the call, at the caller's cost")
    }

    /// The attack of `LaunderingTests` by a client that may also signal its server, as the peer of a ring may: bits bring the server's
    /// own time, and its budget is the bound.
    @Test func signalsDoNotLaunderMoreThanTheServersBudget() {
        let board = Served(server: 25, clients: [10], spinner: 5, budget: 10)
        let (bench, client) = (board.bench, board.clients[0])
        bench.raiseRoot()
        bench.succeed(.scheduleControl, board.server.scheduling, form: ScheduleControl.setBudget.rawValue, 50, 1000)
        bench.sleepRoot()
        board.start(client)
        board.start(board.spinner)
        let start = bench.model.now.value
        var work = 0
        while bench.model.now.value < start + 20_000 {
            let current = bench.current()
            if current == client.context {
                _ = bench.operate(.poll, client.notification, by: client.context)
                if board.server.state != .waiting, !board.server.context.pointee.usesOwnTime {
                    bench.succeed(.signal, board.server.notification, 4, by: client.context)
                    continue
                }
                bench.succeed(
                    .timer, client.notification, form: TimerForm.set.rawValue, bench.model.now.value + 1, 2, by: client.context)
                bench.call(board.portal, by: client)
                work = 0
            } else if current == board.server.context, work >= 100 {
                // A request takes 100 ticks, and a notification none.
                bench.wait(board.server)
                continue
            }
            bench.advance(1)
            if current == board.server.context { work += 1 }
        }
        let (served, paid) = (board.used(by: board.server), board.used(by: client))
        #expect(served <= 50 * 21, "the client paid \(paid) ticks, its server \(served) of its own")
    }

    // MARK: Work of one entry

    /// How much time is in the queue of core 0.
    private func queued(_ bench: Bench) -> Int {
        var count = 0
        for priority in 0..<32 {
            var next = bench.core(0).pointee.runQueue.heads[priority]
            while let item = next {
                count += 1
                next = item.pointee.next
            }
        }
        return count
    }

    /// Chains of eight threads that all use their own time: each calls the next, the last ones call `portal`. Root is current before and after.
    private func makeChains(_ bench: Bench, _ count: Int, to portal: UInt32) -> [[Tenant]] {
        (0..<count).map { _ in
            var chain: [Tenant] = []
            // All but the first wait for a call.
            for index in 0..<8 {
                let thread = bench.makeThread(priority: 10, notified: true, starts: false)
                if index == 7 { bench.succeed(.contextControl, thread.slot, form: ContextControl.setAbortMask.rawValue, 2) }
                chain.append(thread)
                guard index != 0 else { continue }
                bench.start(thread)
                bench.sleepRoot()
                bench.settleAll()  // parked time is looked at in pieces
                bench.wait(thread)
                bench.raiseRoot()
            }
            let portals = chain.map { bench.makePortal(to: $0) }
            bench.start(chain[0])
            bench.sleepRoot()
            bench.settleAll()
            for index in 0..<7 { bench.call(portals[index + 1], by: chain[index]) }
            for thread in chain.dropFirst() { bench.raise(thread.notification, 4) }
            bench.call(portal, by: chain[7])
            bench.settleAll()
            bench.raiseRoot()
            return chain
        }
    }

    /// Starting a server whose callers have long chains: work under the lock.
    @Test func aStartBringsBackLittle() {
        let bench = Bench()
        bench.checksInvariants = false
        let server = bench.makeThread(priority: 5, starts: false)
        _ = makeChains(bench, 8, to: bench.makePortal(to: server))
        let before = queued(bench)
        bench.succeed(.contextControl, server.slot, form: ContextControl.start.rawValue)
        #expect(before == 0 && queued(bench) <= 17, "one entry queues \(queued(bench) - before) scheduling contexts")
    }

    /// Eight timers of one tick abort eight calls, each at the end of a long chain.
    @Test func aTickBringsBackLittle() {
        let bench = Bench()
        bench.checksInvariants = false
        let server = bench.makeThread(priority: 5, starts: false)
        let chains = makeChains(bench, 8, to: bench.makePortal(to: server))
        for chain in chains {
            bench.succeed(.timer, chain[7].notification, form: TimerForm.set.rawValue, bench.model.now.value + 10, 2)
        }
        let before = queued(bench)
        bench.model.advance(by: 10)
        bench.enter { _ in _ = bench.model.cores[0].takeInterrupt() }
        #expect(before == 0 && queued(bench) <= 24, "one entry queues \(queued(bench) - before) scheduling contexts")
    }

    /// Destroying a server whose callers are faults of threads that serve faults, and so on.
    @Test func anEntryStopsFew() {
        let bench = Bench()
        bench.checksInvariants = false
        let server = bench.makeThread(priority: 5, starts: false)
        let toServer = bench.makePortal(to: server)
        var all: [Tenant] = []
        for _ in 0..<8 {
            var portal = toServer
            var chain: [Tenant] = []
            // From the end.
            for index in 0..<8 {
                let thread = bench.makeThread(priority: 10, starts: false)
                bench.configure(thread, portal: portal)
                portal = bench.makePortal(to: thread)
                bench.start(thread)
                bench.sleepRoot()
                if index != 7 { bench.wait(thread) }
                bench.raiseRoot()
                chain.append(thread)
            }
            bench.sleepRoot()
            for thread in chain.reversed() {
                #expect(bench.current() == thread.context)
                bench.enter { K.exit($0, thread.context, Message(0, 0, 0, 0, 0, 0)) }
            }
            bench.settleAll()
            bench.raiseRoot()
            all += chain
        }
        var most = 0
        while !bench.isEmpty(server.slot) {
            let before = all.filter { $0.state == .stopped }.count
            _ = bench.operate(.revoke, server.slot, form: RevokeForm.delete.rawValue)
            most = max(most, all.filter { $0.state == .stopped }.count - before)
            bench.settleAll()
        }
        #expect(most <= 16, "one entry stops \(most) contexts")
    }

    // MARK: Fast and general paths

    @Test func fastPathsDoTheSame() {
        for seed in 1...12 as ClosedRange<UInt64> {
            var run = Lockstep(seed: seed)
            if let difference = run.play(steps: 300) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }

    /// The most urgent time that leads to a thread that can run has the core, also that of callers that queue.
    @Test func noTimeIsForgotten() {
        for seed in 1...12 as ClosedRange<UInt64> {
            var run = Lockstep(seed: seed)
            run.looksForForgottenTime = true
            if let difference = run.play(steps: 300) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }
}

/// Two boards on which the same happens, with and without fast paths.
private struct Lockstep {
    private struct Side {
        let bench: Bench
        let tenants: [Tenant]
        let portals: [UInt32]

        init(fast: Bool) {
            let bench = Bench()
            self.bench = bench
            var tenants: [Tenant] = []
            for index in 0..<7 {
                let priority = [5, 10, 10, 15, 20, 12, 25][index]
                tenants.append(bench.makeClient(priority: UInt64(priority), budget: index >= 5 ? 100 : 0))
                bench.succeed(.contextControl, tenants[index].slot, form: ContextControl.setAbortMask.rawValue, index % 3 == 0 ? 2 : 0)
            }
            portals = tenants.map { bench.makePortal(to: $0) }
            for tenant in tenants { bench.start(tenant) }
            self.tenants = tenants
            bench.sleepRoot()
            bench.usesFastPath = fast
        }

        func index(_ context: Ref<ExecutionContext>?) -> Int {
            guard let context else { return -1 }
            return tenants.firstIndex { $0.context == context } ?? 99
        }

        /// Everything that must be the same, by lines.
        var state: [String] {
            let core = bench.core(0)
            var lines = ["current \(index(core.pointee.current)) time \(index(core.pointee.scheduling?.pointee.context))"]
            for (number, tenant) in tenants.enumerated() {
                let context = tenant.context, time = context.pointee.home!
                let bits = bench.object(tenant.notification, as: KernelCore.Notification.self).pointee.bits.load()
                lines.append(
                    "\(number): \(context.pointee.state) own \(context.pointee.usesOwnTime) serves \(index(context.pointee.caller)) "
                        + "waits for \(index(context.pointee.server)) depth \(context.pointee.depth) bits \(bits) "
                        + "queued \(time.pointee.isQueued) used \(time.pointee.used.value) left \(time.pointee.left.value) "
                        + "remaining \(time.pointee.remaining.value) exhausted \(time.pointee.isExhausted) "
                        // `x0` of a thread that waits is written when it goes on.
                        + "x \((context.pointee.state == .waiting ? 1..<8 : 0..<8).map { context.pointee.frame.x[$0] })")
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

        /// A tenant whose time leads to a thread that can run, and is more urgent than what runs.
        var forgotten: Int? {
            let running = bench.core(0).pointee.scheduling.map { Int($0.pointee.priority) } ?? -1
            return tenants.firstIndex {
                let time = $0.context.pointee.home!
                return !time.pointee.isExhausted && Int(time.pointee.priority) > running && K.beneficiary(of: time) != nil
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
        let current = sides[0].index(sides[0].bench.current())
        let who = generator.below(7), bits = [1, 1, 2, 4][generator.below(4)] as UInt64, ticks = UInt64(generator.below(60))
        let choice = generator.below(100)
        if current < 0 || choice < 8 {
            switch generator.below(3) {
            case 0: each("root starts \(who)") { side in
                side.bench.raiseRoot()
                side.bench.start(side.tenants[who])
                side.bench.sleepRoot()
            }
            case 1: each("interrupt \(who) \(bits)") { $0.bench.raise($0.tenants[who].notification, bits) }
            default: each("\(ticks) ticks") { $0.bench.advance(ticks) }
            }
            return
        }
        switch choice {
        case ..<30: operate(current, "call \(who)", .call) { Selector(slot: $0.portals[who]) }
        case ..<55: operate(current, "reply and wait", .replyWait) { _ in Selector(slot: 0, form: ReplyForm.reply | ReplyForm.wait) }
        case ..<63: operate(current, "wait", .replyWait) { _ in Selector(slot: 0, form: ReplyForm.wait) }
        case ..<66: operate(current, "reply", .replyWait) { _ in Selector(slot: 0, form: ReplyForm.reply) }
        case ..<76: operate(current, "signal \(who) \(bits)", .signal, [bits]) { Selector(slot: $0.tenants[who].notification) }
        case ..<80: operate(current, "poll \(who)", .poll) { Selector(slot: $0.tenants[who].notification) }
        case ..<84: operate(current, "yield", .scheduleControl) { _ in Selector(slot: 0, form: ScheduleControl.yield.rawValue) }
        case ..<87: control(current, "abort \(who)", .abort, who)
        case ..<89: control(current, "stop \(who)", .stop, who)
        case ..<92: control(current, "start \(who)", .start, who)
        case ..<95:
            each("\(current): timer \(who) in \(ticks)") { side in
                _ = side.bench.operate(
                    .timer, side.tenants[who].notification, form: TimerForm.set.rawValue, side.bench.model.now.value + ticks, bits,
                    by: side.tenants[current].context)
            }
        default: each("\(ticks) ticks") { $0.bench.advance(ticks) }
        }
    }

    private mutating func control(_ current: Int, _ name: String, _ form: ContextControl, _ who: Int) {
        operate(current, name, .contextControl) { Selector(slot: $0.tenants[who].slot, form: form.rawValue) }
    }

    private mutating func operate(
        _ current: Int, _ name: String, _ operation: ABI.Operation, _ words: [UInt64] = [], _ selector: (Side) -> Selector
    ) {
        each("\(current): \(name)") { side in
            side.bench.operate(side.tenants[current].context, operation.rawValue, selector(side), words)
        }
    }

    private mutating func each(_ name: String, _ body: (Side) -> Void) {
        log.append(name)
        for side in sides {
            body(side)
            side.bench.settleAll()
        }
    }
}
