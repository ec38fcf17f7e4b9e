import ABI

/// Draws a system in the language of graphviz, with its tenants, calls, memory, interrupts and groups.
public struct SystemGraph {
    let plan: Plan
    let levels: [Int: Criticality]
    /// The harm that less critical parts can do and that no exception accepts. Its paths are red.
    let offences: [HarmFinding]
    private var lines: [String] = []
    /// The indices of the plan's edges for which the picture has a line in the colour of offences.
    private var marked: Set<Int> = []

    public init(_ analysis: HarmAnalysis, of manifest: Manifest) {
        plan = analysis.plan
        offences = manifest.offences(analysis)
        let known = manifest.levels.values.contains { $0.level != nil }
        levels =
            known
            ? Dictionary(
                uniqueKeysWithValues: plan.tenants.indices.map {
                    ($0, manifest.criticality(of: analysis.plan.tenants[$0].name))
                })
            : [:]
    }

    /// Returns the text for graphviz's program `dot`.
    public mutating func dot() -> String {
        lines = [
            "digraph system {", "  rankdir=LR; bgcolor=transparent; compound=true; nodesep=0.35; ranksep=0.9;",
            "  node [fontname=\"Helvetica,Arial,sans-serif\" fontsize=12 margin=\"0.18,0.1\" shape=box style=\"filled,rounded\" fillcolor=\"#f6f8fa\" color=\"#57606a\" fontcolor=\"#1f2328\"];",
            "  edge [fontname=\"Helvetica,Arial,sans-serif\" fontsize=10 color=\"#57606a\" fontcolor=\"#57606a\"];",
        ]
        addGroups(parent: nil, indent: "  ")
        addDevices()
        addCalls()
        addMemory()
        addDisks()
        addConsoles()
        addOffences()
        return (lines + ["}"]).joined(separator: "\n") + "\n"
    }

    // MARK: Tenants and groups

    private mutating func addGroups(parent: Int?, indent: String) {
        for tenant in plan.tenants.indices where plan.tenants[tenant].parent == parent { addTenant(tenant, indent) }
        for (index, group) in plan.groups.enumerated() where self.parent(of: index) == parent {
            lines.append("\(indent)subgraph cluster_\(index) {")
            lines.append(
                "\(indent)  label=\"\(group.name): restarts together\"; labeljust=l; class=group; style=\"rounded,dashed\"; color=\"#8250df\"; fontcolor=\"#8250df\"; fontname=\"Helvetica,Arial,sans-serif\"; fontsize=11;"
            )
            addGroups(parent: index, indent: indent + "  ")
            lines.append("\(indent)}")
        }
    }

    private func parent(of group: Int) -> Int? {
        plan.groups.firstIndex { $0.members.contains(plan.groups[group].name) }
    }

    private mutating func addTenant(_ index: Int, _ indent: String) {
        let tenant = plan.tenants[index]
        let cores =
            tenant.cores.count == 1
            ? "core \(tenant.cores[0])" : "cores \(tenant.cores.map(String.init).joined(separator: ", "))"
        let budget =
            tenant.allowance == .unlimited
            ? ""
            : "\\n\(TimeSpan(nanoseconds: tenant.allowance.budget)) of each \(TimeSpan(nanoseconds: tenant.allowance.period))"
        let level = tenant.kind == .consoleDriver ? "" : levels[index].map { " · \($0.name)" } ?? ""
        // The label of a box with depth lies across the whole, so that it needs more room not to touch the inner edge.
        let shape = tenant.kind == .machine ? "box3d margin=\"0.24,0.15\"" : "box"
        let fill = tenant.kind == .machine ? "#ddf4ff" : tenant.kind == .consoleDriver ? "#eaeef2" : "#dafbe1"
        lines.append(
            "\(indent)t\(index) [shape=\(shape) fillcolor=\"\(fill)\" label=\"\(tenant.name)\(level)\\n\(tenant.kind.rawValue)\\n\(cores), priority \(tenant.priority)\(budget)\"];"
        )
    }

    // MARK: Edges

    private mutating func addDevices() {
        for (index, tenant) in plan.tenants.enumerated() {
            for resource in tenant.resources where resource.kind == .registers {
                let hasInterrupt = tenant.resources.contains { $0.kind == .interrupt && $0.name == resource.name }
                let node = "d\(index)_\(name(resource))"
                let shape = "shape=component fillcolor=\"#fff8c5\" style=filled"
                lines.append("  \(node) [\(shape) label=\"\(resource.name)\\ndevice\"];")
                // The interrupt goes in the other direction.
                let (label, end) = hasInterrupt ? ("registers, interrupt", "both") : ("registers", "forward")
                lines.append("  t\(index) -> \(node) [label=\"\(label)\" dir=\(end)];")
            }
        }
    }

    private func name(_ resource: NamedResource) -> String {
        String(resource.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    private mutating func addCalls() {
        let rules = HarmRules(plan)
        for (index, edge) in plan.edges.enumerated() {
            switch edge.action {
            case .capability(let portal, let table, let slot, _, _, _) where plan.nodes[portal].kind == .portal:
                guard let client = rules.owner(table), let server = rules.server(of: portal), client != server else {
                    continue
                }
                let resource = plan.tenants[client].resources.first { $0.kind == .portal && $0.slot == slot }
                let rings = (resource?.size ?? 0) > 0 ? "\\nrings, \(ByteSize(bytes: resource?.size ?? 0))" : ""
                lines.append(
                    "  t\(client) -> t\(server) [label=\"calls \(resource?.name ?? "")\(rings)\"\(style(index, .call))];"
                )
            case .configure(let context, _, _, let slot, _, _):
                guard let client = rules.owner(context), let handler = plan.handler(inSlot: slot),
                    let server = rules.server(of: handler.portal), client != server
                else { continue }
                lines.append("  t\(client) -> t\(server) [label=\"faults\" style=dashed\(style(index, .call))];")
            default: break
            }
        }
    }

    /// Adds memory that two tenants share. Memory of consoles and connections is left out, because their lines stand
    /// for it.
    private mutating func addMemory() {
        let rules = HarmRules(plan)
        var known: Set<Plan.NodeID> = []
        for (index, edge) in plan.edges.enumerated() {
            switch edge.action {
            case .map(let extent, let space, _, _, let size, _, _) where edge.feature == .sharedMemory:
                guard let tenant = rules.owner(space) else { continue }
                if known.insert(extent).inserted {
                    let name = plan.nodes[extent].name.split(separator: "/").last ?? ""
                    let region = name.hasPrefix("shared-") ? name.dropFirst("shared-".count) : name
                    lines.append(
                        "  m\(extent) [shape=cylinder fillcolor=\"#ffffff\" style=filled label=\"\(region)\\n\(ByteSize(bytes: size))\"];"
                    )
                }
                lines.append("  t\(tenant) -> m\(extent) [dir=both label=\"memory, bell\"\(style(index, .memory))];")
            case .doorbell(let space, _, let notification, _, _) where edge.feature == .event:
                guard let sender = rules.owner(space) else { continue }
                for receiver in rules.receivers(of: notification).sorted() where receiver != sender {
                    lines.append("  t\(sender) -> t\(receiver) [label=\"event\"\(style(index, .memory))];")
                }
            default: break
            }
        }
    }

    /// Adds a line for each connection to disks, and one between each machine and its backend.
    private mutating func addDisks() {
        let rules = HarmRules(plan)
        var known: Set<[Int]> = []
        for (index, edge) in plan.edges.enumerated() {
            switch edge.action {
            case .capability(let bell, let table, let slot, _, _, _) where edge.feature == .disk:
                guard let client = rules.owner(table), let server = rules.owner(bell),
                    plan.tenants[client].resources.contains(where: { $0.kind == .blockServer && $0.slot == slot })
                else { continue }
                lines.append("  t\(client) -> t\(server) [label=\"disks\" dir=both\(style(index, .memory))];")
            case .doorbell(let space, _, let bell, _, _) where edge.feature == .virtio:
                guard let machine = rules.owner(space), let backend = rules.owner(bell),
                    known.insert([machine, backend]).inserted
                else { continue }
                lines.append("  t\(machine) -> t\(backend) [label=\"virtio\" dir=both\(style(index, .memory))];")
            default: break
            }
        }
    }

    /// Draws thin lines without a name, because every tenant has one.
    private mutating func addConsoles() {
        guard let driver = plan.tenants.firstIndex(where: { $0.kind == .consoleDriver }) else { return }
        for index in plan.tenants.indices where index != driver {
            lines.append("  t\(index) -> t\(driver) [style=dotted arrowhead=none];")
        }
    }

    /// The colours of edges, by their classes in the picture's style sheet.
    private enum EdgeClass: String {
        case call, memory

        var color: String { self == .call ? "#0969da" : "#1a7f37" }
    }

    private mutating func style(_ edge: Int, _ kind: EdgeClass) -> String {
        let isOffending = offences.contains { $0.chain.contains { $0.edges.contains(edge) && !$0.isTime } }
        guard isOffending else {
            return " class=\(kind.rawValue) color=\"\(kind.color)\" fontcolor=\"\(kind.color)\""
        }
        marked.insert(edge)
        return " class=offence color=\"#cf222e\" fontcolor=\"#cf222e\" penwidth=2.5"
    }

    /// Adds a line for each offending link that no other line shows.
    private mutating func addOffences() {
        var drawn: Set<String> = []
        for link in offences.lazy.flatMap(\.chain) where marked.isDisjoint(with: link.edges) {
            let line =
                "  t\(link.offender) -> t\(link.victim) [label=\"\(label(link))\\n \" class=offence color=\"#cf222e\" fontcolor=\"#cf222e\" style=dashed penwidth=2];"
            if drawn.insert(line).inserted { lines.append(line) }
        }
    }

    private func label(_ link: HarmLink) -> String {
        switch link.cause {
        case .core(let core, _, _), .lentTime(_, let core, _, _), .wakes(_, let core, _, _), .budgets(let core),
            .delay(_, let core, _):
            "can keep it off core \(core)"
        case .root: "can keep root off its core"
        case .group(let group): "restarts it with '\(group)'"
        case .board(let action): action == .reset ? "resets the board" : "turns the board off"
        case .commands: "commands to root"
        case .device: "DMA"
        case .bell, .signal: "bell"
        case .console: "console"
        case .memory(let name): "memory '\(name)'"
        case .capability(let object): "capability to \(object)"
        case .call, .fault, .orphan, .lease: link.word.rawValue
        }
    }

    /// Makes graphviz's picture readable on a dark page as well: lines and labels are lighter there.
    public static func adapted(svg: String) -> String {
        let style = """
            <style>
            .edge text, .cluster text { font-family: Helvetica, Arial, sans-serif }
            @media (prefers-color-scheme: dark) {
              .edge text { fill: #c9d1d9 } .edge path { stroke: #9ea7b3 } .edge polygon { stroke: #9ea7b3; fill: #9ea7b3 }
              .call text { fill: #79b8ff } .call path { stroke: #58a6ff } .call polygon { stroke: #58a6ff; fill: #58a6ff }
              .memory text { fill: #56d364 } .memory path { stroke: #3fb950 } .memory polygon { stroke: #3fb950; fill: #3fb950 }
              .cluster text { fill: #d2a8ff } .cluster path { stroke: #d2a8ff }
              .offence text { fill: #ff7b72 } .offence path { stroke: #ff7b72 } .offence polygon { stroke: #ff7b72; fill: #ff7b72 }
            }
            </style>

            """
        guard let start = svg.range(of: "<g id=\"graph0\"") else { return svg }
        // Graphviz writes its own version into a comment, which would change the file with each release.
        var text = svg
        text.insert(contentsOf: style, at: start.lowerBound)
        while let comment = text.range(of: "<!-- Generated by"),
            let end = text[comment.lowerBound...].range(of: "-->\n")
        {
            text.removeSubrange(comment.lowerBound..<end.upperBound)
        }
        return text
    }
}

extension Manifest {
    /// Returns the harm that less critical parts can do and that no exception accepts.
    public func offences(_ analysis: HarmAnalysis) -> [HarmFinding] {
        analysis.plan.tenants.indices.flatMap(analysis.ways(victim:)).filter {
            isOffence($0, analysis.plan) && exceptions(to: $0, analysis).isEmpty
        }
    }

    /// Returns true if a less critical part does the harm of a finding. The console driver belongs to the platform,
    /// like the kernel and root.
    public func isOffence(_ finding: HarmFinding, _ plan: Plan) -> Bool {
        let (victim, offender) = (plan.tenants[finding.victim], plan.tenants[finding.offender])
        return HarmEffect.checked.contains(finding.effect) && victim.kind != .consoleDriver
            && offender.kind != .consoleDriver
            && criticality(of: offender.name) < criticality(of: victim.name)
    }

    /// Returns the parts whose `accept` allows a finding, each with the number of the exception.
    public func exceptions(to finding: HarmFinding, _ analysis: HarmAnalysis) -> [(part: String, number: Int)] {
        let (plan, way) = (analysis.plan, analysis.way(of: finding))
        let offenders = partsAround(plan.tenants[finding.offender].name)
        return partsAround(plan.tenants[finding.victim].name).flatMap { part -> [(String, Int)] in
            let accepted = levels[part]?.accepted ?? []
            return accepted.indices.filter {
                accepted[$0].effect == finding.effect && offenders.contains(accepted[$0].offender)
                    && accepted[$0].way ?? way == way
            }
            .map { (part, $0) }
        }
    }
}
