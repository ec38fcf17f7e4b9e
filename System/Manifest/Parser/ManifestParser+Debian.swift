import Yams

extension MachineParser {
    /// Reads `guest: {debian: {packages: [...]}}`, a whole Debian on the machine's disk.
    func debianOnDisk(_ node: Node, firmware: FirmwareSource? = nil) -> GuestSource {
        for key in ["initrd", "format"] where section.has(key) && firmware == nil {
            section.report(
                at: key, "\(section.title) has '\(key)' but no 'kernel' that it belongs to",
                remedy: "name the kernel's file with 'kernel:', or remove '\(key)'")
        }
        let guest = ManifestSection(
            node, title: "'guest' of \(section.title)", at: section.mark(of: "guest"), part: .guest,
            source: section.source)
        guard let inner = guest.node("debian") else {
            if !guest.hasUnknownKeys {
                section.report(
                    at: "guest", "\(guest.title) names no system", remedy: "write 'guest: {debian: {packages: []}}'")
            }
            return .debian(flavour: .cloud)
        }
        let debian = ManifestSection(
            inner, title: "'debian' of \(section.title)", at: guest.mark(of: "debian"), part: .debian,
            source: section.source)
        let flavour = DebianFlavour(rawValue: section.choice("flavour")) ?? .cloud
        return .debianDisk(DebianSystem(flavour: flavour, packages: packages(of: debian)), firmware: firmware)
    }

    private func packages(of debian: ManifestSection) -> [String] {
        let nodes = debian.list("packages", of: "names of packages")
        guard nodes.count <= DebianSystem.maximumPackages else {
            debian.report(
                at: "packages",
                "\(debian.title) has \(nodes.count) packages, but at most \(DebianSystem.maximumPackages) are possible",
                remedy: "remove \(nodes.count - DebianSystem.maximumPackages) of them, and install them in the machine")
            return []
        }
        return nodes.compactMap { node in
            if let name = node.text, DebianSystem.isPackageName(name) { return name }
            let what = node.text.map { "'\($0.shortened)'" } ?? node.kindDescription
            section.source.report(
                at: node, "a package of \(debian.title) is \(what), which cannot be the name of a package of Debian",
                remedy: "write a name as apt knows it, in lower case and without a version")
            return nil
        }
    }
}

// The disks of machines with a whole Debian, each a clone of a template that the tool makes.
extension ManifestParser {
    /// Gives each machine with a Debian on a disk its disk `root`, if the manifest does not name it, and the disk its
    /// contents.
    mutating func addRootDisks() {
        for index in declarations.indices {
            guard case .debianDisk(let debian, _)? = declarations[index].tenant.machine?.guest else { continue }
            let name = DebianSystem.diskName
            guard let number = declarations[index].disks.firstIndex(where: { $0.disk.name == name }) else {
                addRootDisk(index, of: debian)
                continue
            }
            let declaration = declarations[index].disks[number]
            check(declaration.section)
            declarations[index].disks[number].disk.cloneOf = debian.templateName
            if declaration.disk.size == nil {
                declarations[index].disks[number].disk.size = DebianSystem.standardDiskSize
            }
        }
    }

    private mutating func addRootDisk(_ index: Int, of debian: DebianSystem) {
        guard declarations[index].disks.count < DiskDescription.maximum else {
            source.report(
                at: declarations[index].marks["disks"] ?? declarations[index].mark,
                "\(declarations[index].title) has \(DiskDescription.maximum) disks, but none is named "
                    + "'\(DebianSystem.diskName)', which its Debian needs as well",
                remedy: "remove one of them, or name one '\(DebianSystem.diskName)'")
            return
        }
        var disk = DiskDescription(name: DebianSystem.diskName)
        (disk.size, disk.cloneOf) = (DebianSystem.standardDiskSize, debian.templateName)
        let section = ManifestSection(
            Node.mapping(Node.Mapping([])), title: "disk '\(disk.name)' of \(declarations[index].title)",
            at: declarations[index].marks["guest"] ?? declarations[index].mark, part: .disk, source: source)
        declarations[index].disks.insert(DiskDeclaration(disk: disk, section: section), at: 0)
    }

    /// Reports what a root disk cannot be.
    private func check(_ section: ManifestSection) {
        let keys = [
            ("clone-of", "'guest' gives its contents"), ("image", "'guest' gives its contents"),
            ("whole", "the tool makes it in a pool"), ("partition", "the tool makes it in a pool"),
        ]
        for (key, reason) in keys where section.has(key) {
            section.report(
                at: key, "\(section.title) has '\(key)', but \(reason)",
                remedy: "remove '\(key)', or start the system of the disk by 'firmware' instead of 'guest'")
        }
        if section.has("read-only"), section.flag("read-only") {
            section.report(
                at: "read-only", "\(section.title) is read-only, but its Debian writes to it",
                remedy: "remove 'read-only'")
        }
    }

    /// Adds the templates of root disks, one for each pool and list of packages.
    func addDebianTemplates(_ disks: inout SystemDisks) {
        for declaration in declarations {
            guard case .debianDisk(let debian, _)? = declaration.tenant.machine?.guest,
                let root = declaration.disks.first(where: { $0.disk.name == DebianSystem.diskName })
            else { continue }
            let names = disks.board.map(\.name)
            // `resolve` reports a name that does not exist.
            let named = root.section.has("board-disk") ? root.section.text("board-disk") : nil
            let boardDisk = named.flatMap { names.contains($0) ? $0 : nil } ?? names.first ?? ""
            var template = DiskTemplate(name: debian.templateName, boardDisk: boardDisk)
            template.debian = debian
            if !disks.templates.contains(template) { disks.templates.append(template) }
        }
    }
}
