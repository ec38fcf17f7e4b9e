import ABI

// The texts of the analysis.
extension HarmAnalysis {
    func name(_ tenant: Int) -> String { "'\(plan.tenants[tenant].name)'" }

    /// Returns a sentence about a link, without the full stop.
    public func sentence(_ link: HarmLink) -> String {
        let (victim, offender) = (name(link.victim), name(link.offender))
        switch link.cause {
        case .call(let connection):
            return "\(victim) calls \(offender) (as '\(connection)'), and a call has no limit of time"
        case .fault:
            return switch link.effect {
            case .end:
                "\(offender) serves the faults of \(victim), which dies of one that is refused or that nobody serves"
            case .change: "\(offender) chooses the memory that \(victim) gets at a fault"
            default: "\(offender) serves the faults of \(victim), which stands still until it is answered"
            }
        case .bell:
            return "\(offender) rings \(victim), which may wait for it"
        case .console:
            return "the guest of \(victim) may wait for room in its console, which \(offender) makes"
        case .core(let core, let priority, let own):
            return priority == own
                ? "\(offender) has the priority of \(victim) on core \(core), \(own), and no budget, so it takes its share "
                    + "of the core without end"
                : "\(offender) has priority \(priority) on core \(core) and no budget, and \(victim) has \(own)"
        case .lentTime(let client, let core, let priority, let own):
            return
                "\(offender) serves \(name(client)) on its time, which has priority \(priority) on core \(core) and "
                + "no budget, and \(victim) has \(own)"
        case .wakes(let woken, let core, let priority, let own):
            return
                "\(offender) can wake \(name(woken)) without end, which has priority \(priority) on core \(core) "
                + "and no budget, and \(victim) has \(own)"
        case .budgets(let core):
            return
                "the budgets of \(offender) and of all else that is as urgent as \(victim) on core \(core) take "
                + "the whole core"
        case .root(let priority):
            return
                "\(offender) has priority \(priority) on root's core and no budget, so that \(victim) is not restarted"
        case .orphan:
            return
                "\(victim) serves \(offender), has no budget, and stands still if \(offender) goes during a call, until "
                + "somebody else calls"
        case .group(let group):
            return "group '\(group)' restarts with \(victim) when \(offender) has died more often than its limit allows"
        case .board(let action):
            let what = action == .reset ? "resets" : "turns itself off"
            return "the board \(what) when \(offender) has died more often than its limit allows"
        case .memory(let memory):
            let (writer, reader) = link.effect == .read ? (victim, offender) : (offender, victim)
            return "\(writer) writes the memory '\(memory)', which \(reader) has as well"
        case .lease:
            return "\(victim) lends memory to \(offender) with its calls"
        case .capability(let object):
            return "\(offender) has a capability to '\(object)', and may change it"
        case .device:
            return "\(offender) drives a device, and without an IOMMU a device may access all memory"
        }
    }

    public func sentence(_ finding: HarmFinding) -> String { finding.chain.map(sentence).joined(separator: "; ") }

    /// Returns the change of the manifest that breaks the chain at its first link.
    func remedy(_ finding: HarmFinding) -> String {
        guard let link = finding.chain.first else { return "" }
        let (victim, offender) = (name(link.victim), name(link.offender))
        switch link.cause {
        case .call: return "let \(victim) use only parts that are as critical"
        case .fault: return "give \(victim) a pager that is as critical, or no 'paged'"
        case .bell: return "share memory only with parts that are as critical"
        case .console: return "let only parts that are as critical stall or end \(offender)"
        case .core: return "give \(offender) a 'budget', a lower 'priority' than \(victim), or another 'core'"
        case .lentTime(let client, _, _, _), .wakes(let client, _, _, _):
            return "give \(name(client)) a 'budget', a lower 'priority' than \(victim), or another 'core'"
        case .root: return "give \(offender) a 'budget', a 'priority' up to 30, or another 'core'"
        case .orphan: return "give \(victim) a 'budget'"
        case .budgets(let core): return "make the budgets on core \(core) smaller"
        case .group(let group):
            return "take \(offender) out of group '\(group)', or write 'on-limit: stop' in its 'restart'"
        case .board:
            return "write 'on-limit: stop' in the 'restart' of \(offender), or 'on-failure: continue' for the board"
        case .memory, .lease: return "share memory only with parts that are as critical"
        case .capability: return "let \(victim) depend only on parts that are as critical"
        case .device: return "give devices only to parts that are as critical as all others"
        }
    }

    /// Returns sentences about the tenants on which a tenant depends, and about the ways.
    public func explanation(of victim: Int) -> String {
        let tenant = plan.tenants[victim]
        let findings = findings(victim: victim)
        var text = "\(name(victim)) (\(tenant.kind.rawValue)) depends on the kernel and on root, which are trusted.\n"
        for effect in HarmEffect.allCases {
            let some = findings.filter { $0.effect == effect }
            text +=
                some.isEmpty ? "\nNobody else can \(effect.rawValue) it.\n" : "\nIt can be \(effect.participle) by:\n"
            for finding in some { text += "- \(name(finding.offender)): \(sentence(finding)).\n" }
        }
        let delays = bounds.filter { $0.victim == victim }
        if !delays.isEmpty {
            text += "\nIt can be delayed, within bounds, by:\n"
            for delay in delays { text += "- \(delay.offender.map(name) ?? "root"): it \(delay.text).\n" }
        }
        return text
    }
}
