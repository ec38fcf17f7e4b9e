import ABI

/// Derives from the plan alone which tenants can harm which others, and by which chain of facts.
///
/// The offender may do anything that its capabilities allow, because its program may be wrong or hostile. The
/// analysis assumes that other tenants run their own programs, so they pass on a delay or a death, but they do not
/// attack. It trusts the kernel and root. A machine is one tenant with its monitor.
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
        // A link of a feature of the manifest says more than a link of a capability that comes with the feature.
        linksOfVictim = plan.tenants.indices.map { victim in
            let links = rules.links.filter { $0.victim == victim }
            return links.filter { !$0.isControl } + links.filter(\.isControl)
        }
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
    /// A finding's chain is the shortest that begins in its way. Chains that differ further on are one, because what
    /// protects the victim from the first link protects it from all that lies behind.
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

    /// Names what a chain leads through, as `through` of a manifest's `accept` does: the next part, or, if that is the
    /// offender itself, the kind of the only link.
    public func way(of finding: HarmFinding) -> String {
        guard let link = finding.chain.first else { return "" }
        return finding.chain.count == 1 ? link.word.rawValue : plan.tenants[link.offender].name
    }

    // MARK: Chains

    /// A question for the offenders that can do something to a tenant.
    private enum Question: Hashable {
        case whoStalls(Int)
        /// Leaves out offenders that only take the core, because the tenant's caller lends it time that they cannot
        /// take.
        case whoStallsByOtherThanTime(Int)
        case whoEnds(Int)
        case whoChanges(Int)
        case whoReads(Int)
        case whoControls(Int)
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
        var queue: [(question: Question, chain: [HarmLink])] = first.map { ($0, []) }
        var asked = Set(first)
        var found: [Int: HarmFinding] = [:]
        var next = 0
        while next < queue.count {
            let (question, chain) = queue[next]
            next += 1
            for link in answers(to: question) where !chain.isEmpty || links?.contains(link) ?? true {
                let longer = chain + [link]
                if link.offender != victim, found[link.offender] == nil {
                    found[link.offender] = HarmFinding(
                        victim: victim, offender: link.offender, effect: effect, chain: longer)
                }
                for further in expanded(followUps(of: link, question)) where asked.insert(further).inserted {
                    queue.append((further, longer))
                }
            }
        }
        return found.values.sorted { $0.offender < $1.offender }
    }

    /// Adds the question for stalls of machines with a watchdog, because a stall ends them.
    private func expanded(_ questions: [Question]) -> [Question] {
        questions.flatMap { question -> [Question] in
            guard case .whoEnds(let tenant) = question, plan.tenants[tenant].hasWatchdog else { return [question] }
            return [question, .whoStalls(tenant)]
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
        case .whoStalls(let victim): linksOfVictim[victim].filter { $0.effect == .stall }
        case .whoStallsByOtherThanTime(let victim): linksOfVictim[victim].filter { $0.effect == .stall && !$0.isTime }
        case .whoEnds(let victim): linksOfVictim[victim].filter { $0.effect == .end }
        case .whoChanges(let victim): linksOfVictim[victim].filter { $0.effect == .change }
        case .whoReads(let victim): linksOfVictim[victim].filter { $0.effect == .read }
        case .whoControls(let victim): linksOfVictim[victim].filter(\.isControl)
        }
    }

    /// Returns the questions whose answers can do the same harm through this link's offender.
    private func followUps(of link: HarmLink, _ question: Question) -> [Question] {
        let offender = link.offender
        switch question {
        case .whoStalls, .whoStallsByOtherThanTime:
            if link.isCall { return [.whoControls(offender), .whoStallsByOtherThanTime(offender), .whoEnds(offender)] }
            if link.cause == .bell || link.cause == .console {
                return [.whoControls(offender), .whoStalls(offender), .whoEnds(offender)]
            }
            return [.whoControls(offender)]
        case .whoEnds:
            // A link passes on a death only if the death causes another one.
            switch link.cause {
            case .fault, .group, .board: return [.whoControls(offender), .whoEnds(offender)]
            default: return [.whoControls(offender)]
            }
        case .whoChanges, .whoReads, .whoControls: return [.whoControls(offender)]
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
