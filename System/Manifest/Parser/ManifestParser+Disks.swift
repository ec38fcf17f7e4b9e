import ABI
import Yams

// The disks of the board, the templates, and the disks of machines and components.
extension ManifestParser {
    /// Reads the disks, and gives each machine and component its own.
    mutating func disks() -> SystemDisks {
        let users = declarations.filter { !$0.disks.isEmpty }
        var boardDisks = boardDisks()
        var disks = SystemDisks()
        let hasDefault = boardDisks.isEmpty && !users.isEmpty
        if hasDefault { disks.board = [defaultBoardDisk(users)] } else { disks.board = boardDisks.map(\.disk) }
        let templates = templates(among: disks.board)
        disks.templates = templates.map(\.disk)
        for index in declarations.indices where !declarations[index].disks.isEmpty {
            resolve(index, disks)
            disks.clients.append(client(declarations[index]))
        }
        if source.diagnostics.isEmpty {
            checkUsers(disks)
            boardDisks.removeAll { !disks.hasPool($0.disk.name) }
            for boardDisk in boardDisks { checkSize(of: boardDisk, disks) }
        }
        if disks.isUsed { checkNames(disks) }
        checkComponents()
        return disks
    }

    private func boardDisks() -> [SharedDiskDeclaration<BoardDiskDescription>] {
        guard let section = boardSection else { return [] }
        return section.parts(
            "disks", .boardDisk, maximum: BoardDiskDescription.maximum, title: { "disk '\($0)' of the board" },
            example: "name: {size: 16GiB}"
        ).map { name, section in
            checkName(name, of: "disk", reserved: [], at: section.mark)
            var disk = BoardDiskDescription(name: name, size: section.size("size"), file: section.newFile("file"))
            disk.growsFile = section.has("size")
            return SharedDiskDeclaration(disk: disk, section: section)
        }
    }

    /// Returns the disk for a board that names none. It has room for the disks of known sizes, and as much again.
    private func defaultBoardDisk(_ users: [TenantDeclaration]) -> BoardDiskDescription {
        let sum = users.flatMap(\.disks).reduce(UInt64(0)) { $0 + ($1.disk.size ?? 1 << 30) }
        let size = min(
            max(BoardDiskDescription.standardSize, (2 * sum).aligned(to: 1 << 30)),
            BoardDiskDescription.sizes.upperBound)
        return BoardDiskDescription(name: BoardDiskDescription.standardName, size: size)
    }

    private func templates(among board: [BoardDiskDescription]) -> [SharedDiskDeclaration<DiskTemplate>] {
        system.parts(
            "disks", .diskTemplate, maximum: DiskTemplate.maximum, title: { "disk '\($0)'" },
            example: "name: {image: FILE}"
        ).compactMap { name, section in
            checkName(name, of: "disk", reserved: [], at: section.mark)
            guard section.has("image") || section.has("size") else {
                if section.isMapping, !section.hasUnknownKeys {
                    source.report(
                        at: section.mark, "\(section.title) has neither a size nor contents",
                        remedy: "write 'image: FILE' or 'size: 2GiB'")
                }
                return nil
            }
            let disk = DiskTemplate(
                name: name, boardDisk: boardDisk(of: section, among: board), size: section.optionalSize("size"),
                image: section.path("image"))
            return SharedDiskDeclaration(disk: disk, section: section)
        }
    }

    /// Returns the board's disk that `board-disk` names, by default the first one.
    private func boardDisk(of section: ManifestSection, among board: [BoardDiskDescription]) -> String {
        let standard = board.first?.name ?? ""
        guard section.has("board-disk"), let name = section.text("board-disk") else { return standard }
        let names = board.map(\.name)
        guard !names.contains(name) else { return name }
        section.report(
            at: "board-disk", "\(section.title) is on '\(name.shortened)', but the board has no disk of that name",
            remedy: name.nearest(in: names).map { "did you mean '\($0)'?" }
                ?? (names.isEmpty ? "name it below 'disks' of the board" : "choose from \(enumerated(names))"))
        return standard
    }

    /// Finds the board's disk and the template of each disk of a tenant.
    private mutating func resolve(_ index: Int, _ disks: SystemDisks) {
        for number in declarations[index].disks.indices {
            let section = declarations[index].disks[number].section
            checkName(declarations[index].disks[number].disk.name, of: "disk", reserved: [], at: section.mark)
            let boardDisk = boardDisk(of: section, among: disks.board)
            declarations[index].disks[number].disk.boardDisk = boardDisk
            checkTemplate(of: declarations[index].disks[number], disks)
        }
        let own = declarations[index].disks.map(\.disk)
        switch declarations[index].tenant {
        case .machine(var machine):
            machine.disks = own
            declarations[index].tenant = .machine(machine)
        case .component(var component):
            component.disks = own
            declarations[index].tenant = .component(component)
        }
    }

    private func checkTemplate(of declaration: DiskDeclaration, _ disks: SystemDisks) {
        guard let name = declaration.disk.cloneOf else { return }
        let section = declaration.section
        guard let template = disks.templates.first(where: { $0.name == name }) else {
            let names = disks.templates.map(\.name)
            section.report(
                at: "clone-of", "\(section.title) is a clone of '\(name.shortened)', but the manifest has no such disk",
                remedy: name.nearest(in: names).map { "did you mean '\($0)'?" }
                    ?? (names.isEmpty
                        ? "add it below 'disks' of the manifest: '\(name.shortened): {image: FILE}'"
                        : "choose from \(enumerated(names))"))
            return
        }
        if template.boardDisk != declaration.disk.boardDisk {
            section.report(
                at: "clone-of",
                "\(section.title) is on '\(declaration.disk.boardDisk)', and '\(name)' on '\(template.boardDisk)', but a "
                    + "clone shares the contents of its template",
                remedy: "give both the same 'board-disk'")
        }
        if let size = declaration.disk.size, let least = template.size, size < least {
            section.report(
                at: "size",
                "\(section.title) has \(ByteSize(bytes: size)), less than the \(ByteSize(bytes: least)) of '\(name)', of "
                    + "which it is a clone", remedy: "write 'size: \(ByteSize(bytes: least))' or more")
        }
    }

    private func client(_ declaration: TenantDeclaration) -> DiskClient {
        DiskClient(
            owner: declaration.name,
            tenant: declaration.isMachine ? DiskTenant.backend(of: declaration.name) : declaration.name,
            disks: declaration.disks.map(\.disk))
    }
}
