import Foundation
import Yams

/// Converts the document into descriptions, part by part.
struct ManifestParser {
    let source: ManifestSource
    let system: ManifestSection
    /// The machines and components in the order of the file, with the places at which later checks point.
    var declarations: [TenantDeclaration] = []
    private(set) var groupDeclarations: [GroupDeclaration] = []
    private(set) var boardSection: ManifestSection?

    init(source: ManifestSource, root: Node) {
        self.source = source
        system = ManifestSection(root, title: "the manifest", at: nil, part: .system, source: source)
    }

    mutating func manifest(file: URL) -> Manifest {
        let name = systemName(file: file)
        let board = board()
        for key in ["machines", "components"] { declare(key, cores: board.cores) }
        declarations.sort { $0.position < $1.position }
        let root = system.program("root", default: Manifest.standardRoot)
        if declarations.isEmpty, root == Manifest.standardRoot, source.diagnostics.isEmpty {
            source.report(
                at: system.mark, "the manifest has neither a machine nor a component",
                remedy: "name at least one machine below 'machines:' or one component below 'components:'")
        }
        checkUniqueNames()
        checkEventPeers()
        let groups = groups()
        check(groups)
        groupDeclarations = groups
        checkConnections()
        checkPaging()
        let order = startOrder()
        let sharedMemory = sharedMemory()
        let disks = disks()
        checkCount(disks)
        checkMemory(board.memory, shared: sharedMemory.reduce(0) { $0 + $1.size }, disks: disks.memory)
        let tenants = declarations.map(\.tenant)
        var manifest = Manifest(
            name: name, board: board, root: root,
            tenants: order.map { tenants[$0] }, groups: groups.map(\.group), file: file)
        manifest.sharedMemory = sharedMemory
        manifest.disks = disks
        manifest.addDiskTenants()
        for declaration in declarations { manifest.places[declaration.name] = source.place(of: declaration.mark) }
        manifest.memoryPlace = source.place(of: memoryMark)
        for group in groups { manifest.levels[group.group.name] = group.criticality.description }
        for declaration in declarations { manifest.levels[declaration.name] = declaration.criticality.description }
        return manifest
    }

    /// The place that says how much memory the board has, or the start of the manifest.
    var memoryMark: Mark? { system.node("board")?.mapping?["memory"]?.mark ?? system.mark }

    /// Tells a machine of a region that it is an end of.
    mutating func share(_ end: SharedMemoryEnd, with name: String) {
        for index in declarations.indices where declarations[index].name == name {
            guard case .machine(var machine) = declarations[index].tenant else { continue }
            machine.sharedMemory.append(end)
            declarations[index].tenant = .machine(machine)
        }
    }

    /// Returns the system's name, which by default is that of the manifest's folder.
    private func systemName(file: URL) -> String {
        guard let node = system.node("system") else {
            return file.absoluteURL.standardizedFileURL.deletingLastPathComponent().lastPathComponent
        }
        guard let name = system.text("system") else { return "" }
        checkName(name, of: "the system", at: node.mark)
        return name
    }

    private mutating func board() -> BoardDescription {
        var board = BoardDescription()
        guard let node = system.node("board") else { return board }
        let section = ManifestSection(
            node, title: "the board", at: system.mark(of: "board"), part: .board, source: source)
        boardSection = section
        board.name = section.choice("name")
        board.cpu = section.choice("cpu")
        board.cores = section.number("cores")
        board.memory = section.size("memory")
        let onFailure = section.choice("on-failure")
        board.onFailure = BoardDescription.onFailures.first { $0.name == onFailure }?.value ?? .goOn
        return board
    }

    private mutating func declare(_ key: String, cores: Int) {
        guard let node = system.node(key), !node.isEmpty else { return }
        guard let mapping = node.mapping else {
            system.report(
                at: key, "'\(key)' is \(node.kindDescription), but a mapping from names is expected",
                remedy: "write each as 'name:' on a line of its own, with its keys indented below")
            return
        }
        for (nameNode, value) in mapping {
            guard let name = nameNode.text else {
                source.report(
                    at: nameNode, "a name in '\(key)' is \(nameNode.kindDescription), but text is expected",
                    remedy: "begin the name with a letter, or put it in quotes")
                continue
            }
            declare(name, nameNode, value, isMachine: key == "machines", cores: cores)
        }
    }

    private mutating func declare(_ name: String, _ nameNode: Node, _ value: Node, isMachine: Bool, cores: Int) {
        let kind = isMachine ? "machine" : "component"
        checkName(name, of: kind, at: nameNode.mark)
        let section = ManifestSection(
            value, title: "\(kind) '\(name.shortened)'", at: nameNode.mark,
            part: isMachine ? .machine : .component, source: source)
        let tenant: TenantDescription =
            isMachine
            ? .machine(MachineParser(section: section, cores: cores).machine(name: name))
            : .component(ComponentParser(section: section, cores: cores).component(name: name))
        declarations.append(
            TenantDeclaration(
                tenant: tenant, mark: nameNode.mark, after: section.list("after", of: "names"),
                eventPeerMark: section.node("event-peer")?.mark,
                restartMark: section.has("restart") ? section.mark(of: "restart") : nil, usesMarks: usesMarks(section),
                pagedMark: section.has("paged") ? section.mark(of: "paged") : nil,
                priorityMark: section.node("priority")?.mark, marks: section.marks, disks: section.disks(),
                criticality: section.criticality()))
    }

    private func usesMarks(_ section: ManifestSection) -> [String: Mark] {
        var marks: [String: Mark] = [:]
        for (key, value) in section.node("uses")?.mapping ?? [:] {
            if let name = key.text { marks[name] = value.mark }
        }
        return marks
    }
}
