import ABI

/// Derives from the plan alone which tenants can harm which others, and by which chain of facts.
///
/// The offender may do anything that its capabilities allow, because its program may be wrong or hostile. The
/// analysis assumes that other tenants run their own programs, so they pass on a delay, a death or a wake-up, but they
/// do not attack. It trusts the kernel and root. Harm by the console driver is in the findings, although the check of
/// levels trusts the driver. A machine is one tenant with its monitor.
///
/// The result is meant as an upper bound: an offender that it names may be unable to do the harm. docs/caveats.md
/// lists the harms that the analysis does not foresee.
public struct HarmAnalysis: Sendable {
    public let plan: Plan
    public let links: [HarmLink]
    /// The delays that have a bound.
    public let bounds: [HarmBound]
    private let linksOfVictim: [[HarmLink]]

    public init(_ plan: Plan) {
        self.plan = plan
        var rules = HarmRules(plan)
        rules.apply()
        links = rules.links
        bounds = rules.bounds
        var linksOfVictim: [[HarmLink]] = plan.tenants.map { _ in [] }
        // A link of a feature of the manifest says more than a link of a capability that comes with the feature.
        for link in links where !link.isControl { linksOfVictim[link.victim].append(link) }
        for link in links where link.isControl { linksOfVictim[link.victim].append(link) }
        self.linksOfVictim = linksOfVictim
    }

    /// Returns the links to one tenant in the order of the rules, without the cost of those to all others.
    static func links(to victim: Int, in plan: Plan) -> [HarmLink] {
        var rules = HarmRules(plan, timeOf: victim)
        rules.apply()
        return rules.links.filter { $0.victim == victim }
    }

    /// Returns each harm that other tenants can do to a tenant, ordered by effect and offender.
    public func findings(victim: Int) -> [HarmFinding] { HarmEffect.allCases.flatMap { findings(victim: victim, $0) } }

    /// Returns each harm that any tenant can do to another.
    public var findings: [HarmFinding] { plan.tenants.indices.flatMap { findings(victim: $0) } }

    public func finding(victim: Int, offender: Int, _ effect: HarmEffect) -> HarmFinding? {
        findings(victim: victim, effect).first { $0.offender == offender }
    }

    /// Returns everything that can be done to a tenant, once for each way on which the victim itself depends.
    ///
    /// A finding's chain is the shortest that begins in its way. Chains that differ further on are one, because a
    /// measure that protects the victim from the first link protects it from all links behind.
    public func ways(victim: Int) -> [HarmFinding] {
        HarmEffect.allCases.flatMap { effect -> [HarmFinding] in
            let first = expanded([question(effect, victim), .whoControls(victim)])
            let all = first.flatMap(answers(to:))
            let steps = Dictionary(grouping: all, by: HarmStep.init)
            // In the order of the links, so that the same of several chains of one length is taken each time.
            var known: Set<HarmStep> = []
            let found = all.map(HarmStep.init).filter { known.insert($0).inserted }.flatMap {
                findings(victim: victim, effect, first: first, through: steps[$0])
            }
            // The sort is not stable by itself, so the order in which they were found is a key.
            let ordered = found.enumerated().sorted {
                ($0.element.offender, $0.element.chain.count, $0.offset)
                    < ($1.element.offender, $1.element.chain.count, $1.offset)
            }
            var ways: Set<HarmWay> = []
            return ordered.map(\.element).filter {
                ways.insert(HarmWay(offender: $0.offender, name: way(of: $0))).inserted
            }
        }
    }

    /// Names the way of a chain, as `through` of a manifest's `accept` does: the next part, or, if that is the
    /// offender itself, the kind of the only link.
    public func way(of finding: HarmFinding) -> String {
        guard let link = finding.chain.first else { return "" }
        return finding.chain.count == 1 ? link.word.rawValue : plan.tenants[link.offender].name
    }

    // MARK: Chains

    /// A question for the offenders that can do something to a tenant.
    private enum Question: Hashable {
        /// With `orDelays`, tenants that delay it for a long time count as well.
        case whoStalls(Int, orDelays: Bool = false)
        /// Asks the same about a machine whose watchdog ends it if it stands still or is delayed for a long time.
        case whoHangs(Int)
        /// Leaves out offenders that only take the tenant's time, because the tenant's caller lends it time that they
        /// cannot take. Such time also runs the tenant for the rest of a request whose caller has gone.
        case whoStallsByOtherThanTime(Int, orDelays: Bool = false)
        case whoEnds(Int)
        /// Leaves out resets of the board, because a reset also ends the tenant whose data a death would lose.
        case whoEndsWithoutReset(Int)
        /// Asks for tenants whose signals can abort the tenant's calls.
        case whoRings(Int)
        case whoChanges(Int)
        case whoReads(Int)
        case whoControls(Int)

        /// True if the victim, or a machine that waits for it, has a watchdog that a long delay makes expire.
        var countsDelays: Bool {
            switch self {
            case .whoHangs: true
            case .whoStalls(_, let orDelays), .whoStallsByOtherThanTime(_, let orDelays): orDelays
            default: false
            }
        }
    }

    private func findings(victim: Int, _ effect: HarmEffect) -> [HarmFinding] {
        let first = expanded([question(effect, victim), .whoControls(victim)])
        return findings(victim: victim, effect, first: first, through: nil)
    }

    /// - Parameters:
    ///   - first: the questions about the victim itself.
    ///   - links: the answers to these questions that count, or nil if all do.
    private func findings(victim: Int, _ effect: HarmEffect, first: [Question], through links: [HarmLink]?)
        -> [HarmFinding]
    {
        var queue: [(question: Question, chain: [HarmLink], watchdogs: [Int])] = first.map { ($0, [], []) }
        var asked = Set(first)
        var found: [Int: HarmFinding] = [:]
        var next = 0
        while next < queue.count {
            let (question, chain, earlier) = queue[next]
            next += 1
            let watchdogs = if case .whoHangs(let machine) = question { earlier + [machine] } else { earlier }
            for link in answers(to: question) where !chain.isEmpty || links?.contains(link) ?? true {
                let longer = chain + [link]
                if link.offender != victim, found[link.offender] == nil {
                    found[link.offender] = HarmFinding(
                        victim: victim, offender: link.offender, effect: effect, chain: longer, watchdogs: watchdogs)
                }
                // A victim that has its own caller abort the call by a message's signal does so by its own program.
                if link.cause == .signal, link.offender == victim { continue }
                for further in expanded(followUps(of: link, question)) where asked.insert(further).inserted {
                    queue.append((further, longer, watchdogs))
                }
            }
        }
        return found.values.sorted { $0.offender < $1.offender }
    }

    /// Adds the question for stalls of machines with a watchdog, because a stall ends them.
    private func expanded(_ questions: [Question]) -> [Question] {
        questions.flatMap { question -> [Question] in
            switch question {
            case .whoEnds(let tenant) where plan.tenants[tenant].hasWatchdog,
                .whoEndsWithoutReset(let tenant) where plan.tenants[tenant].hasWatchdog:
                return [question, .whoHangs(tenant)]
            default: return [question]
            }
        }
    }

    private func question(_ effect: HarmEffect, _ victim: Int) -> Question {
        switch effect {
        case .stall: .whoStalls(victim)
        case .end: .whoEnds(victim)
        case .change: .whoChanges(victim)
        case .read: .whoReads(victim)
        }
    }

    private func answers(to question: Question) -> [HarmLink] {
        switch question {
        case .whoStalls(let victim, let orDelays): links(of: victim) { $0.isStall || orDelays && $0.isDelay }
        case .whoHangs(let victim): links(of: victim) { $0.isStall || $0.isDelay }
        case .whoStallsByOtherThanTime(let victim, _):
            links(of: victim) { $0.isStall && !$0.isTime && $0.cause != .orphan }
        case .whoEnds(let victim): links(of: victim) { $0.effect == .end }
        case .whoEndsWithoutReset(let victim): links(of: victim) { $0.effect == .end && $0.word != .board }
        case .whoRings(let victim): links(of: victim) { $0.word == .bell }
        case .whoChanges(let victim): links(of: victim) { $0.effect == .change }
        case .whoReads(let victim): links(of: victim) { $0.effect == .read }
        case .whoControls(let victim): links(of: victim, where: \.isControl)
        }
    }

    private func links(of victim: Int, where isAnswer: (HarmLink) -> Bool) -> [HarmLink] {
        linksOfVictim[victim].filter(isAnswer)
    }

    /// Returns the questions whose answers can do the same harm through this link's offender.
    ///
    /// A third party that controls the offender can do all that the offender can do. The table says whether it is also
    /// enough to end, stall, starve (take the core from) or wake the offender.
    ///
    ///     effect, link           end  stall  starve  wake   reason
    ///     stall: call, paging    yes  yes    no      no     the caller waits, and lends its time meanwhile
    ///     stall: bell, console   yes  yes    yes     no     the victim waits, and lends nothing
    ///     stall: caller          yes  no     rule    rings  the request is left if its caller ends or aborts the call;
    ///                                                       `HarmRules` adds links for starved callers (`lender`)
    ///     stall: core, root      no   no     no      rule   only a tenant that runs takes time; `HarmRules` adds links
    ///                                                       for servers on that time, and for all that cause wakes
    ///     end: commands          no   no     no      no     only the offender's program writes commands
    ///     end: paging            yes  no     no      no     nobody serves the fault; until then the victim only waits
    ///     end: group, board      yes  no     no      no     the death counts for the group or the board
    ///     change: memory, lease  yes  no     no      no     what the offender has not finished is lost or incomplete
    ///     change: paging         no   no     no      no     the pager's death is an end (above)
    ///     read: all              no   no     no      no     only the offender's program passes on what it reads
    ///     capability, device     no   no     no      no     only the offender's program uses them
    ///
    /// Wherever ending is enough, and the offender is a machine with a watchdog, so are stalling and starving it. A
    /// watchdog also makes an end of a long delay, and of the delay of a tenant for which the machine waits.
    private func followUps(of link: HarmLink, _ question: Question) -> [Question] {
        let offender = link.offender
        switch question {
        case .whoStalls, .whoHangs, .whoStallsByOtherThanTime:
            let delays = question.countsDelays
            switch link.word {
            case .call, .paging:
                return [
                    .whoControls(offender), .whoStallsByOtherThanTime(offender, orDelays: delays), .whoEnds(offender),
                ]
            case .bell, .console:
                return [.whoControls(offender), .whoStalls(offender, orDelays: delays), .whoEnds(offender)]
            case .caller: return [.whoControls(offender), .whoEnds(offender), .whoRings(offender)]
            default: return [.whoControls(offender)]
            }
        case .whoEnds:
            // A link passes on a death only if the death causes another one.
            switch link.word {
            case .paging, .group, .board: return [.whoControls(offender), .whoEnds(offender)]
            default: return [.whoControls(offender)]
            }
        case .whoEndsWithoutReset:
            switch link.word {
            case .paging, .group: return [.whoControls(offender), .whoEndsWithoutReset(offender)]
            default: return [.whoControls(offender)]
            }
        case .whoRings: return [.whoControls(offender), .whoRings(offender)]
        case .whoChanges:
            switch link.word {
            case .memory, .lease: return [.whoControls(offender), .whoEndsWithoutReset(offender)]
            default: return [.whoControls(offender)]
            }
        case .whoReads, .whoControls: return [.whoControls(offender)]
        }
    }
}

/// Identifies the first step of a chain, from a victim to another tenant.
private struct HarmStep: Hashable {
    var offender: Int
    var word: HarmLink.Word

    init(_ link: HarmLink) { (offender, word) = (link.offender, link.word) }
}

/// Identifies a way from a victim to an offender.
private struct HarmWay: Hashable {
    var offender: Int
    var name: String
}
