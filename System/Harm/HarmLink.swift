import ABI

/// A link between an offender and a victim, which follows from one fact of the plan.
public struct HarmLink: Hashable, Sendable {
    /// The index of the victim. `offender` is an index of a tenant as well.
    public var victim: Int
    public var offender: Int
    public var effect: HarmEffect
    public var cause: Cause
    /// The indices of the plan's edges that prove the link.
    public var edges: [Int]
    /// The caller on whose time the victim serves its call, if the offender takes that time and not the victim's own.
    public var lender: Int?
    /// True if the time in `lentTime` or `wakes` has a budget, and takes the whole core together with other budgets.
    public var isBudgeted = false

    public enum Cause: Hashable, Sendable {
        /// The victim calls the offender by a connection of this name.
        case call(String)
        /// The offender serves the victim's faults.
        case fault
        /// The offender rings a notification for which the victim may wait.
        case bell
        /// One calls the other, and the messages may carry signals by which the offender aborts the victim's calls.
        case signal
        /// The victim is a machine, whose guest may wait for room in the console that the offender empties.
        case console
        /// Both run on this core. The offender has the first priority without a budget, and the victim, or the link's
        /// `lender`, has the second.
        case core(Int, Int, Int)
        /// The offender runs on the time of this tenant, whose call it serves. That tenant has the first priority on
        /// this core, without a budget unless `isBudgeted`.
        case lentTime(of: Int, Int, Int, Int)
        /// The offender can wake this tenant, which has the first priority on this core, without a budget unless
        /// `isBudgeted`.
        case wakes(Int, Int, Int, Int)
        /// The budgets of all tenants that are at least as urgent on this core add up to the whole core.
        case budgets(Int)
        /// Budgets keep the victim, or the link's `lender`, off this core for `HarmRules.longDelay` or longer. One of
        /// them belongs to the tenant `of`, and the offender makes use of it by these means.
        case delay(of: Int, Int, Means)
        /// The offender can keep root off its core, so that root restarts nothing.
        case root(RootKeeper)
        /// The victim serves a call or a fault of the offender without a budget, and stands still if the offender goes
        /// before the answer.
        case orphan
        /// The offender passes input on to root, which obeys the commands in it.
        case commands
        /// The group with both tenants restarts as a whole.
        case group(String)
        /// The board does this to all tenants after the offender has reached its limit.
        case board(OnFailure)
        /// Both tenants have this memory, and one of them writes to it.
        case memory(String)
        /// The victim lends memory with its calls.
        case lease
        /// The offender has a capability to this object of the victim.
        case capability(String)
        /// The offender drives a device that may access all memory, because there is no IOMMU.
        case device
    }

    /// Describes time above root's priority on root's core, and the means by which the offender makes use of it.
    public struct RootKeeper: Hashable, Sendable {
        /// The tenant that has the time.
        public var keeper: Int
        public var priority: Int
        /// True if the time has a budget, and takes the whole core together with other budgets.
        public var isBudgeted: Bool
        public var means: Means
    }

    /// The means by which an offender makes use of time on a core.
    public enum Means: Hashable, Sendable {
        /// The time is its own.
        case itself
        /// It serves the calls of the tenant that has the time.
        case service
        /// It wakes the tenant that has the time.
        case wake
    }

    /// The names of the kinds of links in manifests and messages.
    public enum Word: String, CaseIterable, Sendable {
        /// The victim calls the offender.
        case call
        /// The offender calls the victim.
        case caller
        /// The offender serves the victim's faults.
        case paging
        /// The offender rings a bell for which the victim may wait.
        case bell
        /// The offender makes room in the console of a machine, for which the guest may wait.
        case console
        /// Both tenants have the same memory.
        case memory
        /// The victim lends memory with its calls.
        case lease
        /// The offender can keep the victim off a core.
        case core
        /// The offender can keep root off its core, so that root restarts nothing.
        case root
        /// The offender can write commands to root, such as `kill`.
        case commands
        /// The group with both tenants restarts as a whole.
        case group
        /// The board acts on all tenants after the offender has reached its limit.
        case board
        /// The offender has a capability to an object of the victim.
        case capability
        /// The offender drives a device that may access all memory.
        case device
    }

    public var word: Word {
        switch cause {
        case .call: .call
        case .orphan: .caller
        case .fault: .paging
        case .bell, .signal: .bell
        case .console: .console
        case .memory: .memory
        case .lease: .lease
        case .core, .lentTime, .wakes, .budgets, .delay: .core
        case .root: .root
        case .commands: .commands
        case .group: .group
        case .board: .board
        case .capability: .capability
        case .device: .device
        }
    }

    /// True if the offender can do all that the victim can do.
    public var isControl: Bool {
        switch cause {
        case .capability, .device: true
        default: false
        }
    }

    /// True if the victim waits for the offender, and lends its time meanwhile.
    var isCall: Bool {
        switch cause {
        case .call, .fault: true
        default: false
        }
    }

    /// True if the offender can only delay the victim. Such a link counts where a watchdog ends the victim for it.
    var isDelay: Bool {
        if case .delay = cause { true } else { false }
    }

    /// True if the victim stands still for as long as the offender likes.
    var isStall: Bool { effect == .stall && !isDelay && cause != .signal }

    /// True if the link is about the offender's use of a core.
    var isTime: Bool {
        switch cause {
        case .core, .lentTime, .wakes, .budgets, .delay, .root: true
        default: false
        }
    }
}

/// A victim, an offender and an effect, with the shortest chain of links between the two tenants.
public struct HarmFinding: Sendable {
    public var victim: Int
    public var offender: Int
    public var effect: HarmEffect
    public var chain: [HarmLink]
    /// The machines of the chain that their watchdogs end because they stand still, the one next to the victim first.
    public var watchdogs: [Int] = []

    func isSamePair(as other: HarmFinding) -> Bool {
        victim == other.victim && offender == other.offender && effect == other.effect
    }
}

/// Describes a delay that has a bound, so that it is no stall.
public struct HarmBound: Hashable, Sendable {
    public var victim: Int
    /// The offender, or nil if root causes the delay.
    public var offender: Int?
    public var text: String
}
