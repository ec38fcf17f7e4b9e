import ABI
import Foundation
import Yams

extension ManifestSection {
    /// Returns the policy below `restart`.
    func restart(default standard: RestartDescription) -> RestartDescription {
        var restart = standard
        guard let node = node("restart") else { return restart }
        let section = ManifestSection(
            node, title: "'restart' of \(title)", at: mark(of: "restart"), part: .restart, source: source)
        restart.limit = section.number("limit", default: restart.limit)
        restart.span = section.time("within", default: restart.span)
        restart.backoff = section.time("backoff", default: restart.backoff)
        restart.backoffLimit = section.time("backoff-limit", default: max(restart.backoffLimit, restart.backoff))
        restart.onLimit = section.choice("on-limit") == "stop" ? .stop : .escalate
        if restart.backoffLimit < restart.backoff {
            section.report(
                at: "backoff-limit",
                "the first restart of \(title) waits \(restart.backoff), and none may wait longer than "
                    + "\(restart.backoffLimit)",
                remedy: "raise 'backoff-limit', or lower 'backoff'")
        }
        return restart
    }

    func time(_ key: String, default standard: TimeSpan) -> TimeSpan {
        guard let node = node(key) else { return standard }
        let example = "write '\(key): \(standard)', for example; units are ms, s and min"
        guard let time = node.scalar.flatMap({ TimeSpan($0.string) }), time.nanoseconds % 1_000_000 == 0 else {
            source.report(
                at: node,
                "'\(key)' of \(title) is \(node.kindDescription), but a time in whole milliseconds is expected",
                remedy: example)
            return standard
        }
        guard RestartDescription.times.contains(time) else {
            source.report(
                at: node, "'\(key)' of \(title) is \(time), longer than \(RestartDescription.times.upperBound)",
                remedy: example)
            return standard
        }
        return time
    }
}

extension ManifestParser {
    /// Returns the groups below `groups`.
    func groups() -> [GroupDeclaration] {
        guard let node = system.node("groups"), !node.isEmpty else { return [] }
        guard let mapping = node.mapping else {
            system.report(
                at: "groups", "'groups' is \(node.kindDescription), but a mapping from names is expected",
                remedy: "write each as 'name: {members: [name, name]}' on a line of its own")
            return []
        }
        let groups = mapping.compactMap { name, value in group(name, value) }
        if groups.count > GroupDescription.maximum {
            source.report(
                at: groups[GroupDescription.maximum].mark,
                "the system has \(groups.count) groups, but at most \(GroupDescription.maximum) are possible",
                remedy: "remove \(groups.count - GroupDescription.maximum) of them")
        }
        return groups
    }

    private func group(_ nameNode: Node, _ value: Node) -> GroupDeclaration? {
        guard let name = nameNode.text else {
            source.report(
                at: nameNode, "a name in 'groups' is \(nameNode.kindDescription), but text is expected",
                remedy: "begin the name with a letter, or put it in quotes")
            return nil
        }
        checkName(name, of: "group", at: nameNode.mark)
        let section = ManifestSection(
            value, title: "group '\(name.shortened)'", at: nameNode.mark, part: .group, source: source)
        let members = section.list("members", of: "names")
        if members.isEmpty, section.isMapping, !section.hasUnknownKeys {
            source.report(
                at: section.mark(of: "members"), "\(section.title) has no members",
                remedy: "name machines, components and groups: 'members: [name, name]'")
        }
        var group = GroupDescription(name: name, members: members.compactMap(\.text))
        group.restart = section.restart(default: group.restart)
        return GroupDeclaration(
            group: group, mark: nameNode.mark, restartMark: section.mark(of: "restart"), members: members,
            criticality: section.criticality())
    }

    // MARK: Checks

    func check(_ groups: [GroupDeclaration]) {
        checkGroupNames(groups)
        checkMembers(groups)
        guard source.diagnostics.isEmpty, checkNesting(groups) else { return }
        checkLimits(groups)
    }

    private func checkGroupNames(_ groups: [GroupDeclaration]) {
        for (index, declaration) in groups.enumerated() {
            let name = declaration.group.name
            let other =
                declarations.first { $0.name == name }.map { ($0.title, $0.mark) }
                ?? groups[..<index].first { $0.group.name == name }.map { ($0.title, $0.mark) }
            guard let (title, mark) = other else { continue }
            source.report(
                at: declaration.mark, "\(declaration.title) has the name of \(title) in line \(mark?.line ?? 0)",
                remedy: "rename one of them")
        }
    }

    /// Checks that each member exists, and belongs to one group only.
    private func checkMembers(_ groups: [GroupDeclaration]) {
        let names = declarations.map(\.name) + groups.map(\.group.name)
        var homes: [String: GroupDeclaration] = [:]
        for declaration in groups {
            for node in declaration.members {
                guard let name = node.text else {
                    source.report(
                        at: node, "a member of \(declaration.title) is \(node.kindDescription), but a name is expected",
                        remedy: "write names of machines, components and groups: 'members: [name, name]'")
                    continue
                }
                guard names.contains(name) else {
                    let others = names.filter { $0 != declaration.group.name }
                    source.report(
                        at: node,
                        "\(declaration.title) has the member '\(name.shortened)', but no machine, component or group has that name",
                        remedy: name.nearest(in: others).map { "did you mean '\($0)'?" }
                            ?? "choose from \(enumerated(others))")
                    continue
                }
                if let home = homes[name] {
                    source.report(
                        at: node, "'\(name)' is a member of \(home.title) and of \(declaration.title)",
                        remedy: "remove it from one of them; a group can be a member of another")
                }
                homes[name] = declaration
            }
        }
    }

    /// Checks the nesting of groups. Returns false if groups contain one another in a circle.
    private func checkNesting(_ groups: [GroupDeclaration]) -> Bool {
        for declaration in groups {
            var path = [declaration.group.name]
            while let parent = groups.first(where: { $0.group.members.contains(path.last!) }) {
                path.append(parent.group.name)
                guard parent.group.name != declaration.group.name else {
                    source.report(
                        at: declaration.mark,
                        path.count == 2
                            ? "\(declaration.title) is a member of itself"
                            : "these groups lie in one another in a circle: "
                                + path.map { "'\($0)'" }.joined(separator: " in "),
                        remedy: "remove one of them from another's 'members'")
                    return false
                }
                // The path leads into a circle, which the groups in the circle report.
                if path.count > groups.count { break }
            }
        }
        return true
    }

    /// Checks that each limit can be reached. If the back-off alone keeps a part below its limit, the limit never
    /// stops it.
    private func checkLimits(_ groups: [GroupDeclaration]) {
        for declaration in declarations {
            let restart = declaration.tenant.restart
            report(
                restart, TimeSpan(milliseconds: 0), "'restart' of \(declaration.title)", "with its back-off",
                at: declaration.restartMark ?? declaration.mark)
        }
        for declaration in groups {
            report(
                declaration.group.restart, shortestLife(of: declaration, groups), "'restart' of \(declaration.title)",
                "with its back-off and that of its members", at: declaration.restartMark ?? declaration.mark)
        }
    }

    private func report(
        _ restart: RestartDescription, _ life: TimeSpan, _ title: String, _ cause: String, at mark: Mark?
    ) {
        let way = restart.shortestWay(toLimitOfLives: life)
        guard restart.limit > 0, way >= restart.span else { return }
        source.report(
            at: mark,
            "\(title) can never reach its limit: \(restart.limit) restarts take at least \(way) \(cause), and 'within' is "
                + "\(restart.span)",
            remedy: "raise 'within', or lower 'limit' or 'backoff'")
    }

    /// Returns the least time from the start of a group until one of its members escalates.
    private func shortestLife(of declaration: GroupDeclaration, _ groups: [GroupDeclaration]) -> TimeSpan {
        let lives: [TimeSpan] = declaration.group.members.compactMap { name in
            if let tenant = declarations.first(where: { $0.name == name })?.tenant {
                return tenant.restart.onLimit == .stop ? nil : tenant.restart.shortestWay()
            }
            guard let group = groups.first(where: { $0.group.name == name }), group.group.restart.onLimit == .escalate
            else { return nil }
            let life = shortestLife(of: group, groups)
            let way = group.group.restart.shortestWay(toLimitOfLives: life)
            return TimeSpan(milliseconds: way.milliseconds + life.milliseconds)
        }
        return lives.min() ?? TimeSpan(milliseconds: 0)
    }
}
