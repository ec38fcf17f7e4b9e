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
        case .signal:
            return
                "the messages of \(victim) and \(offender) may carry signals, by which \(offender) aborts calls of "
                + "\(victim)"
        case .console:
            return "the guest of \(victim) may wait for room in its console, which \(offender) makes"
        case .core(let core, let priority, let own):
            return priority == own
                ? "\(offender) has the priority of \(needer(link)) on core \(core), \(own), and no budget, so it takes "
                    + "its share of the core without end"
                : "\(offender) has priority \(priority) on core \(core) and no budget, and \(needer(link)) has \(own)"
        case .lentTime(let client, let core, let priority, let own):
            return
                "\(offender) serves \(name(client)) on its time, "
                + time(client, core, priority, own, link)
        case .wakes(let woken, let core, let priority, let own):
            return
                "\(offender) can wake \(name(woken)) without end, "
                + time(woken, core, priority, own, link)
        case .budgets(let core):
            return budgets(link.offender, core, link)
        case .delay(let user, let core, let means):
            return uses(offender, name(user), means)
                + "the budgets of \(name(user)) and of all else that is as urgent as \(needer(link)) on core \(core) "
                + "can delay it for \(TimeSpan(nanoseconds: UInt64(HarmRules.longDelay))) or longer"
        case .root(let root): return sentence(root, offender) + ", so that \(victim) is not restarted"
        case .orphan:
            return
                "\(victim) serves \(offender), has no budget, and stands still if \(offender) goes before the answer, "
                + "until somebody else calls or its notification gets bits"
        case .commands:
            return
                "root obeys the commands that \(offender) passes on from the board's serial line, and \(offender), "
                + "which is trusted as the platform is, could write one that kills \(victim)"
        case .group(let group):
            return "group '\(group)' restarts with \(victim) when " + limits(link.offender, below: group)
        case .board(let action):
            let what = action == .reset ? "resets" : "turns itself off"
            return "the board \(what) when " + limits(link.offender, below: nil)
        case .memory(let memory):
            let (writer, reader) = link.effect == .read ? (victim, offender) : (offender, victim)
            return "\(writer) writes the memory '\(memory)', which \(reader) has as well"
        case .lease:
            return "\(victim) lends memory to \(offender) with its calls, and \(offender) may \(link.effect) it"
        case .capability(let object):
            return "\(offender) has a capability to '\(object)', by which it can \(link.effect) \(victim)"
        case .device:
            let access =
                switch link.effect {
                case .stall: "change all memory, so that \(victim) stands still"
                case .end: "change all memory, so that \(victim) ends"
                case .change: "change all memory"
                case .read: "read all memory"
                }
            return "\(offender) drives a device, and without an IOMMU a device may \(access)"
        }
    }

    /// Returns the end of a sentence about the limits that a tenant and the groups around it must exceed before a group
    /// restarts, or before the board acts if `group` is nil.
    private func limits(_ offender: Int, below group: String?) -> String {
        var between: [String] = []
        var next = plan.tenants[offender].parent
        while let current = next, plan.groups[current].name != group {
            between.append("group '\(plan.groups[current].name)'")
            next = plan.groups.firstIndex { $0.members.contains(plan.groups[current].name) }
        }
        return between.isEmpty
            ? "\(name(offender)) has died more often than its limit allows"
            : "\(enumerated([name(offender)] + between)) have died more often than their limits allow"
    }

    /// Names the tenant that needs the time which the offender takes.
    private func needer(_ link: HarmLink) -> String {
        link.lender.map { "\(name($0)), on whose time \(name(link.victim)) serves it," } ?? name(link.victim)
    }

    /// Returns the end of a sentence about the time of a third tenant, which the offender uses.
    private func time(_ user: Int, _ core: Int, _ priority: Int, _ own: Int, _ link: HarmLink) -> String {
        link.isBudgeted
            ? "and " + budgets(user, core, link)
            : "which has priority \(priority) on core \(core) and no budget, and \(needer(link)) has \(own)"
    }

    /// Returns the start of a sentence about the time of another tenant, or nothing if the time is the offender's own.
    private func uses(_ offender: String, _ user: String, _ means: HarmLink.Means) -> String {
        switch means {
        case .itself: ""
        case .service: "\(offender) serves \(user) on its time, and "
        case .wake: "\(offender) can wake \(user) without end, and "
        }
    }

    private func budgets(_ user: Int, _ core: Int, _ link: HarmLink) -> String {
        "the budgets of \(name(user)) and of all else that is as urgent as \(needer(link)) on core \(core) take "
            + "the whole core"
    }

    private func sentence(_ root: HarmLink.RootKeeper, _ offender: String) -> String {
        let keeper = name(root.keeper)
        let time =
            root.isBudgeted
            ? "the budgets of \(keeper) and of all else above root's priority take the whole of root's core"
            : "priority \(root.priority) on root's core and no budget"
        return switch root.means {
        case .itself: root.isBudgeted ? time : "\(offender) has \(time)"
        case .service: "\(offender) serves \(keeper) on its time, " + (root.isBudgeted ? "and " : "which has ") + time
        case .wake: "\(offender) can wake \(keeper) without end, " + (root.isBudgeted ? "and " : "which has ") + time
        }
    }

    public func sentence(_ finding: HarmFinding) -> String {
        let links = finding.chain.enumerated().map { index, link -> String in
            let (victim, offender) = (name(link.victim), name(link.offender))
            // A tenant that controls another one of the chain can do all that the other can do, whatever the effect is.
            if index > 0, case .capability(let object) = link.cause {
                return "\(offender) has a capability to '\(object)', by which it can do all that \(victim) can do"
            }
            let causesDeath = index + 1 < finding.chain.count && !finding.chain[index + 1].isControl
            return switch link.cause {
            case .memory(let memory) where link.effect == .change && causesDeath:
                "if \(offender) dies, the data in '\(memory)' that \(victim) exchanges with it are lost or incomplete"
            case .lease where link.effect == .change && causesDeath:
                "if \(offender) dies, the memory that \(victim) lends to it with its calls is left incomplete"
            default: sentence(link)
            }
        }
        let ends = finding.watchdogs.reversed().map { ", and then the watchdog of \(name($0)) ends it" }
        return links.joined(separator: "; ") + ends.joined()
    }

    /// Returns the change of the manifest that breaks the chain at its first link.
    func remedy(_ finding: HarmFinding) -> String {
        guard let link = finding.chain.first else { return "" }
        let (victim, offender) = (name(link.victim), name(link.offender))
        switch link.cause {
        case .call: return "let \(victim) use only parts that are as critical"
        case .fault: return "give \(victim) a pager that is as critical, or no 'paged'"
        case .bell, .signal: return "share memory only with parts that are as critical"
        case .console: return "let only parts that are as critical stall or end \(offender)"
        case .lentTime(_, let core, _, _) where link.isBudgeted, .wakes(_, let core, _, _) where link.isBudgeted:
            return "make the budgets on core \(core) smaller"
        case .core:
            return "give \(offender) a 'budget', a lower 'priority' than \(name(link.lender ?? link.victim)), or "
                + "another 'core'"
        case .lentTime(let client, _, _, _), .wakes(let client, _, _, _):
            return "give \(name(client)) a 'budget', a lower 'priority' than \(name(link.lender ?? link.victim)), or "
                + "another 'core'"
        case .root(let root):
            return
                "give \(name(root.keeper)) a \(root.isBudgeted ? "smaller " : "")'budget', a 'priority' up to "
                + "\(RootTime.priority), or "
                + "another 'core'"
        case .orphan: return "give \(victim) a 'budget'"
        case .budgets(let core): return "make the budgets on core \(core) smaller"
        case .delay(_, let core, _): return "make the budgets and periods on core \(core) smaller"
        case .commands: return "let only parts that are as critical control \(offender)"
        case .group(let group):
            return "take \(offender) out of group '\(group)', or write 'on-limit: stop' in its 'restart'"
        case .board:
            return "write 'on-limit: stop' in the 'restart' of \(offender), or 'on-failure: continue' for the board"
        case .memory, .lease: return "share memory only with parts that are as critical"
        case .capability: return "let \(victim) depend only on parts that are as critical"
        case .device: return "give devices only to parts that are as critical as all others"
        }
    }

    /// Returns sentences about the tenants on which a tenant depends, and about the ways. Harm by the console driver
    /// stands apart, because the driver is trusted at every level.
    public func explanation(of victim: Int) -> String {
        let tenant = plan.tenants[victim]
        let driver = plan.tenants.indices.first { $0 != victim && plan.tenants[$0].kind == .consoleDriver }
        let all = findings(victim: victim)
        let findings = all.filter { $0.offender != driver }
        let platform = driver.map { "the kernel, root and the console driver \(name($0))" } ?? "the kernel and root"
        var text = "\(name(victim)) (\(tenant.kind.rawValue)) depends on \(platform), which are trusted.\n"
        for effect in HarmEffect.allCases {
            let some = findings.filter { $0.effect == effect }
            text +=
                some.isEmpty
                ? "\nThe analysis finds nobody else who can \(effect.rawValue) it.\n"
                : "\nIt can be \(effect.participle) by:\n"
            for finding in some { text += "- \(name(finding.offender)): \(sentence(finding)).\n" }
        }
        let trusted = all.filter { $0.offender == driver }
        if !trusted.isEmpty {
            text += "\nA fault of the console driver could reach it, too:\n"
            for finding in trusted { text += "- \(finding.effect): \(sentence(finding)).\n" }
        }
        let delays = bounds.filter { $0.victim == victim }
        if !delays.isEmpty {
            text += "\nIt can be delayed, within bounds, by:\n"
            for delay in delays { text += "- \(delay.offender.map(name) ?? "root"): it \(delay.text).\n" }
        }
        return text
            + "\nThe analysis does not foresee everything: docs/caveats.md lists its limits (\"Analysis of harm\").\n"
    }
}
