import ABI
import Foundation
import Yams

// The disks of the board, the templates, and the disks of machines and components.
extension ManifestParser {
    /// Reads the disks, and gives each machine and component its own.
    mutating func disks() -> SystemDisks {
        addRootDisks()
        let users = declarations.filter { !$0.disks.isEmpty }
        var boardDisks = boardDisks()
        var disks = SystemDisks()
        disks.board = boardDisks.map(\.disk)
        if boardDisks.isEmpty, !users.isEmpty {
            disks.board = [
                BoardDiskDescription(
                    name: BoardDiskDescription.standardName, size: BoardDiskDescription.standardSize)
            ]
        }
        disks.templates = templates(among: disks.board)
        addDebianTemplates(&disks)
        if boardDisks.isEmpty, !users.isEmpty { disks.board[0].size = defaultSize(users, disks.templates) }
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
            disk.takeSizeOfFile()
            return SharedDiskDeclaration(disk: disk, section: section)
        }
    }

    /// Returns the size of the disk of a board that names none. It has room for all disks, and as much again.
    private func defaultSize(_ users: [TenantDeclaration], _ templates: [DiskTemplate]) -> UInt64 {
        let sizes = users.flatMap(\.disks).map { $0.disk.knownSize(templates) } + templates.map(\.knownSize)
        let sum = sizes.reduce(UInt64(0)) { min($0 + ($1 ?? 1 << 30), BoardDiskDescription.sizes.upperBound) }
        return min(
            max(BoardDiskDescription.standardSize, (2 * sum).aligned(to: 1 << 30)),
            BoardDiskDescription.sizes.upperBound)
    }

    private func templates(among board: [BoardDiskDescription]) -> [DiskTemplate] {
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
            checkImage(disk.image, disk.size, section)
            return disk
        }
    }

    /// Checks that a disk is not smaller than its image.
    private func checkImage(_ image: URL?, _ size: UInt64?, _ section: ManifestSection) {
        guard let image, let size, let least = try? DiskImageHeader(image).size, size < least else { return }
        section.report(
            at: "size",
            "\(section.title) has \(ByteSize(bytes: size)), less than the \(ByteSize(bytes: least)) of its image",
            remedy: "leave 'size' out, or write "
                + "'size: \(ByteSize(bytes: least.aligned(to: DiskDescription.granule)))' or more")
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
            let disk = declarations[index].disks[number].disk
            checkImage(disk.image, disk.size, section)
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
        let templates = disks.templates.filter { $0.name == name }
        let near = templates.first { $0.boardDisk == declaration.disk.boardDisk }
        guard let template = near ?? templates.first else {
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
        if let size = declaration.disk.size, let least = template.knownSize, size < least {
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
