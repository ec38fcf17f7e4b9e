import Yams

/// Checks that a less critical part cannot harm a more critical one.
extension ManifestParser {
    /// Reports each harm that is neither ruled out nor accepted, and each exception that is of no use. Does nothing
    /// if the manifest has neither `criticality` nor `accept`.
    func checkCriticality(of manifest: Manifest) {
        guard manifest.levels.values.contains(where: { $0 != CriticalityDescription() }) else { return }
        var parts: [String: (title: String, criticality: CriticalityDeclaration)] = [:]
        for group in groupDeclarations { parts[group.group.name] = (group.title, group.criticality) }
        for declaration in declarations { parts[declaration.name] = (declaration.title, declaration.criticality) }
        for component in manifest.components where component.isAdded {
            parts[component.name] = ("'\(component.name)'", CriticalityDeclaration())
        }
        do {
            let analysis = HarmAnalysis(try manifest.planWithPlaceholders())
            CriticalityCheck(analysis: analysis, manifest: manifest, source: source, declarations: parts).run()
        } catch {
            source.report(error, of: "the system cannot be planned", at: system.mark)
        }
    }
}

/// Compares the findings of the analysis with the levels of the manifest.
struct CriticalityCheck {
    let analysis: HarmAnalysis
    let manifest: Manifest
    let source: ManifestSource
    /// The declarations of machines, components and groups, by name, with their titles.
    let declarations: [String: (title: String, criticality: CriticalityDeclaration)]

    func run() {
        checkNames()
        guard source.diagnostics.isEmpty else { return }
        var used: Set<[String]> = []
        var last: HarmFinding?
        for finding in analysis.plan.tenants.indices.flatMap(analysis.ways(victim:))
        where manifest.isOffence(finding, analysis.plan) {
            let exceptions = manifest.exceptions(to: finding, analysis)
            used.formUnion(exceptions.map { [$0.part, "\($0.number)"] })
            // The shortest way of each pair will do: once it is closed, the check reports the next.
            if exceptions.isEmpty, last.map({ !$0.isSamePair(as: finding) }) ?? true {
                report(finding, manifest.criticality(of: analysis.plan.tenants[finding.victim].name))
                last = finding
            }
        }
        reportUnused(used)
    }

    private func report(_ finding: HarmFinding, _ level: Criticality) {
        let (victim, offender) = (
            analysis.plan.tenants[finding.victim].name, analysis.plan.tenants[finding.offender].name
        )
        let parts = manifest.partsAround(victim)
        let home = parts.first { declarations[$0]?.criticality.description.level != nil } ?? victim
        // An exception for a backend stands at its machine.
        let accepting = manifest.disks.clients.first { $0.tenant == victim }?.owner ?? victim
        source.report(
            at: declarations[home]?.criticality.mark,
            "\(declarations[victim]?.title ?? victim) (\(level.name)) can be \(finding.effect.participle) by "
                + "\(declarations[offender]?.title ?? offender) (\(manifest.criticality(of: offender).name)): "
                + analysis.sentence(finding),
            remedy: analysis.remedy(finding)
                + "; or write 'accept: [{from: \(offender), effect: \(finding.effect), "
                + "through: \(analysis.way(of: finding)), because: \"…\"}]' for '\(accepting)'"
        )
    }

    private func checkNames() {
        for (_, (title, criticality)) in declarations.sorted(by: { $0.key < $1.key }) {
            for (accepted, mark) in zip(criticality.description.accepted, criticality.acceptedMarks) {
                check(accepted.offender, at: mark, "'accept' of \(title) is about", declarations.keys.sorted())
                guard let way = accepted.way else { continue }
                check(
                    way, at: mark, "'through' in 'accept' of \(title) says",
                    HarmLink.Word.allCases.map(\.rawValue) + declarations.keys.sorted())
            }
        }
    }

    private func check(_ name: String, at mark: Mark?, _ place: String, _ known: [String]) {
        guard !known.contains(name) else { return }
        source.report(
            at: mark, "\(place) '\(name.shortened)', but no machine, component or group has that name",
            remedy: name.nearest(in: known).map { "did you mean '\($0)'?" } ?? "choose from \(enumerated(known))")
    }

    private func reportUnused(_ used: Set<[String]>) {
        for (name, (title, criticality)) in declarations.sorted(by: { $0.key < $1.key }) {
            for (index, accepted) in criticality.description.accepted.enumerated()
            where !used.contains([name, "\(index)"]) {
                source.report(
                    at: criticality.acceptedMarks[index],
                    "\(title) accepts '\(accepted.effect)' from '\(accepted.offender)'"
                        + (accepted.way.map { " through '\($0)'" } ?? "") + ", but needs no such exception",
                    remedy: "remove it, because it would hide the next such harm")
            }
        }
    }
}

extension Manifest {
    /// Returns the own level of a machine or component, or that of the nearest group that has one.
    public func criticality(of tenant: String) -> Criticality {
        partsAround(tenant).lazy.compactMap { levels[$0]?.level }.first ?? .qm
    }

    /// Returns the tenant and the groups around it, the innermost first.
    func partsAround(_ tenant: String) -> [String] {
        var parts = [tenant]
        // A machine's backend is a part of its machine.
        if let client = disks.clients.first(where: { $0.tenant == tenant && $0.owner != tenant }) {
            parts.append(client.owner)
        }
        while let group = groups.first(where: { $0.members.contains(parts.last ?? "") }), !parts.contains(group.name) {
            parts.append(group.name)
        }
        return parts
    }
}
