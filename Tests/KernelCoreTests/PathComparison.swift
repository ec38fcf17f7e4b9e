import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A board that is ready for one operation.
struct Scene {
    let fixture: Fixture
    /// The tenants whose states are compared, in the same order on both boards.
    var tenants: [Tenant]
    /// The notifications beside the tenants' own.
    var notifications: [UInt32] = []
    var caller: Tenant
    var operation = ABI.Operation.replyWait
    var selector = Selector(bits: 0)
    var words: [UInt64] = []
    /// An exit of the caller, a virtual CPU, which replaces an operation.
    var exit: Words?
    /// The address of a store of the caller, a virtual CPU, which replaces an operation.
    var store: UInt64?
}

/// One operation on two boards with the same state. On one board the fast paths may take it, and the other has none.
///
/// The comparison is made after the operation and after each of a few steps in time, because a slice or a budget that
/// is booked wrongly shows later.
struct PathComparison {
    /// True if a fast path has done the operation.
    private(set) var isTaken = false
    /// The caller's status on the board without fast paths.
    private(set) var status: Status?
    /// The differences between the boards.
    private(set) var differences: [String] = []

    init(cores: Int = 1, afterTicks ticks: UInt64 = 7, _ setUp: (Fixture) -> Scene) {
        let scenes = [true, false].map { isFast in
            let fixture = Fixture(cores: cores)
            fixture.checksInvariants = false
            let scene = setUp(fixture)
            fixture.checksInvariants = true
            fixture.usesFastPath = isFast
            fixture.model.advance(by: ticks)
            for core in fixture.model.cores { core.threadRegister = 99 }
            scene.play()
            return scene
        }
        isTaken = scenes[0].fixture.hasUsedFastPath
        status = scenes[1].fixture.answer(scenes[1].caller.context).status
        compare(scenes, "at once")
        requireTimersInTime(scenes)
        for step in 1...4 {
            for scene in scenes { scene.fixture.advance(300) }
            compare(scenes, "\(step * 300) ticks later")
        }
    }

    private mutating func compare(_ scenes: [Scene], _ moment: String) {
        for (fast, general) in zip(scenes[0].state, scenes[1].state) where fast != general {
            differences.append("\(moment): fast \(fast), general \(general)")
        }
    }

    /// Requires that no timer comes too late. A fast path may leave one set that interrupts without need.
    private mutating func requireTimersInTime(_ scenes: [Scene]) {
        for (fast, general) in zip(scenes[0].fixture.model.cores, scenes[1].fixture.model.cores)
        where fast.deadline > general.deadline {
            differences.append("the timer of core \(fast.id.number): \(fast.deadline), not \(general.deadline)")
        }
    }

    /// Requires that both boards have the same state, and that a fast path has or has not done the operation.
    func expect(isTaken expected: Bool, _ status: Status? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(isTaken == expected, sourceLocation: sourceLocation)
        #expect(differences.isEmpty, sourceLocation: sourceLocation)
        if let status { #expect(self.status == status, sourceLocation: sourceLocation) }
    }
}

extension Scene {
    fileprivate func play() {
        if let exit { return fixture.exit(caller, exit) }
        if let store { return _ = fixture.store(caller, store) }
        fixture.operate(caller.context, operation.rawValue, selector, words)
    }

    private func index(_ context: Ref<ExecutionContext>?) -> Int {
        guard let context else { return -1 }
        return tenants.firstIndex { $0.context == context } ?? 99
    }

    private func owners(from head: Ref<SchedulingContext>?) -> [Int] {
        var owners: [Int] = [], next = head
        while let item = next {
            owners.append(index(item.pointee.context))
            next = item.pointee.next
        }
        return owners
    }

    /// Everything that must be equal, by lines.
    var state: [String] { tenants.indices.map(line) + fixture.model.cores.map(line) + [bits] }

    private func line(_ number: Int) -> String {
        let context = tenants[number].context
        var line =
            "\(number): \(context.pointee.state) own \(context.pointee.usesOwnTime) "
            + "serves \(index(context.pointee.caller)) waits for \(index(context.pointee.server)) depth \(context.pointee.depth) "
            + "notified \(context.pointee.wasNotified) kind \(context.pointee.callKind) "
            + "stops \(context.pointee.stopsOnReply) at \(context.pointee.frame.programCounter) "
            // The kernel writes `x0` of a waiting thread when the thread goes on.
            + "x \((context.pointee.state == .waiting ? 1..<9 : 0..<9).map { context.pointee.frame.x[$0] })"
        if context.pointee.state == .calling { line += " shape \(context.pointee.shape.bits)" }
        if let time = context.pointee.home {
            line +=
                " queued \(time.pointee.isQueued) used \(time.pointee.used.value) left \(time.pointee.left.value) "
                + "remaining \(time.pointee.remaining.value) exhausted \(time.pointee.isExhausted)"
        }
        if context.pointee.messagePage.value != 0 {
            line += " page \((6..<9).map { fixture.messagePage(tenants[number])[$0] })"
        }
        if let guest = context.pointee.guest { line += " dirty \(guest.pointee.isDirty.load())" }
        return line
    }

    private func line(_ model: ModelCore) -> String {
        let core = model.kernelCore
        var line =
            "core \(model.id.number): runs \(index(core.pointee.current)) on time of "
            + "\(index(core.pointee.scheduling?.pointee.context)) guest \(core.pointee.isInGuest) "
            + "loaded \(index(core.pointee.loaded)) thread register \(model.threadRegister) "
            + "untold \(core.pointee.untold != nil) parked \(owners(from: core.pointee.parked.head)) "
            + "interrupts \(model.interruptCount)"
        if let time = core.pointee.scheduling {
            line +=
                " since \(time.pointee.since.value) to \(core.pointee.sliceEnd.value), \(core.pointee.budgetEnd.value)"
        }
        for priority in 0..<32 where core.pointee.runQueue.heads[priority] != nil {
            line += " queue \(priority): \(owners(from: core.pointee.runQueue.heads[priority]))"
        }
        return line
    }

    private var bits: String {
        let all = tenants.map(\.notification).filter { $0 != 0 } + notifications
        return "bits \(all.map { fixture.object($0, as: KernelCore.Notification.self).pointee.bits.load() })"
    }
}

extension Fixture {
    /// Lets root sleep, and then these tenants, which are more urgent than all others. The first of the others runs
    /// then.
    func sleep(_ tenants: Tenant...) {
        sleepRoot()
        while let next = tenants.first(where: { $0.context == current() }) { wait(next) }
    }
}
