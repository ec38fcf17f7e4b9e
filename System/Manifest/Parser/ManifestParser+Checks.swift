import ABI
import Foundation
import Yams

/// Checks across the parts of the manifest.
extension ManifestParser {
    func checkName(
        _ name: String, of what: String, reserved: [String] = TenantDescription.reservedNames, at mark: Mark?
    ) {
        let isAllowed = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || character == "-" || character == "_")
        }
        if name.utf8.count > TenantDescription.maximumName {
            source.report(
                at: mark,
                "the name '\(name.shortened)' has \(name.utf8.count) bytes, but at most \(TenantDescription.maximumName) fit",
                remedy: "shorten it")
        } else if name.first?.isLetter != true || !name.allSatisfy(isAllowed) {
            source.report(
                at: mark, "'\(name)' cannot name \(what == "the system" ? what : "a " + what)",
                remedy: "begin with a letter, go on with letters, digits, '-' and '_'")
        } else if what != "the system", reserved.contains(name) {
            source.report(
                at: mark,
                "the name '\(name)' is taken by a part of every system",
                remedy: "choose another; \(enumerated(reserved)) are taken")
        }
    }

    func checkCount(_ disks: SystemDisks) {
        let added = disks.tenantCount
        // Root, the console driver and each component have one space each; a machine has one, and so has its monitor.
        let spaces = 2 + added + declarations.reduce(0) { $0 + ($1.isMachine ? 2 : 1) }
        let count = declarations.count + added
        if count <= TenantDescription.maximumCount, spaces > TenantDescription.maximumSpaces {
            source.report(
                at: declarations[declarations.count - 1].mark,
                "the system needs \(spaces) address spaces, two for each machine"
                    + (added > 0 ? " and \(added) for disks" : "")
                    + ", but at most \(TenantDescription.maximumSpaces) are possible",
                remedy: "remove machines or components")
        }
        if count > TenantDescription.maximumCount, declarations.count <= TenantDescription.maximumCount {
            source.report(
                at: declarations[declarations.count - 1].mark,
                "the system has \(declarations.count) machines and components and \(added) parts for their disks, and the "
                    + "serial line carries the consoles of \(TenantDescription.maximumCount)",
                remedy: "remove machines or components")
        }
        guard declarations.count > TenantDescription.maximumCount else { return }
        source.report(
            at: declarations[TenantDescription.maximumCount].mark,
            "the system has \(declarations.count) machines and components, and the serial line carries the consoles of "
                + "\(TenantDescription.maximumCount)",
            remedy: "remove \(declarations.count - TenantDescription.maximumCount) of them")
    }

    func checkUniqueNames() {
        for (index, declaration) in declarations.enumerated() {
            guard let first = declarations[..<index].first(where: { $0.name == declaration.name }) else { continue }
            source.report(
                at: declaration.mark, "\(declaration.title) has the name of \(first.title) in line \(first.position.0)",
                remedy: "rename one of them")
        }
    }

    /// Checks that each `event-peer` is another machine.
    func checkEventPeers() {
        let machines = declarations.filter(\.isMachine).map(\.name)
        for declaration in declarations {
            guard case .machine(let machine) = declaration.tenant, let peer = machine.eventPeer else { continue }
            let others = machines.filter { $0 != machine.name }
            guard !others.contains(peer) else { continue }
            source.report(
                at: declaration.eventPeerMark,
                peer == machine.name
                    ? "\(declaration.title) is its own 'event-peer'"
                    : "'event-peer' of \(declaration.title) is '\(peer.shortened)', but no machine has that name",
                remedy: others.isEmpty ? "remove it: there is no other machine" : "name one of \(enumerated(others))")
        }
    }

    /// Returns indices into `declarations`, each behind the tenants after which it starts. Otherwise they follow the
    /// order of the file. Reports names that do not exist, and circles.
    func startOrder() -> [Int] {
        let dependencies = declarations.indices.map(dependencies)
        var order: [Int] = []
        var started: Set<Int> = []
        while order.count < declarations.count {
            guard
                let next = declarations.indices.first(where: {
                    !started.contains($0) && dependencies[$0].allSatisfy(started.contains)
                })
            else {
                reportCircle(dependencies, started)
                return Array(declarations.indices)
            }
            order.append(next)
            started.insert(next)
        }
        return order
    }

    private func dependencies(of index: Int) -> [Int] {
        let declaration = declarations[index]
        let names = declarations.map(\.name)
        return declaration.after.compactMap { node in
            guard let name = node.text else {
                source.report(
                    at: node, "'after' of \(declaration.title) holds \(node.kindDescription), but a name is expected",
                    remedy: "write names of machines and components: 'after: [name, name]'")
                return nil
            }
            guard let other = names.firstIndex(of: name) else {
                let others = names.filter { $0 != declaration.name }
                let possible = others.isEmpty ? "remove it: there is no other" : "choose from \(enumerated(others))"
                source.report(
                    at: node,
                    "\(declaration.title) starts after '\(name.shortened)', but no machine or component has that name",
                    remedy: name.nearest(in: others).map { "did you mean '\($0)'?" } ?? possible)
                return nil
            }
            return other
        }
    }

    private func reportCircle(_ dependencies: [[Int]], _ started: Set<Int>) {
        guard var current = declarations.indices.first(where: { !started.contains($0) }) else { return }
        var path: [Int] = []
        // Each tenant that has not started waits for another one that has not started, so the path comes back to one
        // of its parts.
        while !path.contains(current) {
            path.append(current)
            guard let next = dependencies[current].first(where: { !started.contains($0) }) else { return }
            current = next
        }
        let circle = Array(path[(path.firstIndex(of: current) ?? 0)...])
        let names = (circle + [current]).map { "'\(declarations[$0].name)'" }
        let first = declarations[circle[0]]
        source.report(
            at: first.after.first?.mark ?? first.mark,
            names.count == 2
                ? "\(first.title) starts after itself"
                : "these start after one another in a circle: " + names.joined(separator: " after "),
            remedy: "remove one of them from an 'after'")
    }

    /// The board's memory against what is known before anything is built. The image writer lays out all of it, when
    /// files and programs are there.
    ///
    /// - Parameter remedy: returns the remedy for a need of so many bytes; by default a change of the manifest.
    func checkMemory(
        _ available: UInt64, shared: UInt64, disks: UInt64,
        remedy: (ByteSize) -> String = { "raise 'memory' of the board to \($0), or give the machines less" }
    ) {
        var machines: UInt64 = 0
        var components: UInt64 = 0
        var files: UInt64 = 0
        for declaration in declarations {
            switch declaration.tenant {
            case .machine(let machine):
                machines = machines.addingSaturated(machine.memory)
                if case .files(let kernel, let initrd, _) = machine.guest {
                    for file in [kernel, initrd].compactMap({ $0 }) { files = files.addingSaturated(fileSize(file)) }
                }
                if machine.guest.isFirmware { machines = machines.addingSaturated(MachineFlash.storeSize) }
            case .component(let component):
                components = components.addingSaturated(component.memory + Program.beyondDefaultStack(component.stack))
            }
        }
        let parts: [(String, UInt64)] = [
            ("machines", machines), ("components", components), ("shared memory", shared),
            ("the parts for disks", disks),
            ("their files", files.aligned(to: 1024)),
            ("the system itself", BoardDescription.leastOwnMemory),
        ].filter { $0.1 > 0 }
        let sum = parts.reduce(UInt64(0)) { $0.addingSaturated($1.1) }
        guard sum > available else { return }
        let boardMark = system.node("board")?.mapping?["memory"]?.mark
        let section = machines >= components ? "machines" : "components"
        source.report(
            at: boardMark ?? system.mark(of: section),
            enumerated(parts.map { "\($0.0) (\(ByteSize(bytes: $0.1)))" })
                + " need more than the board's \(ByteSize(bytes: available))",
            remedy: remedy(ByteSize(bytes: sum.aligned(to: 64 << 20))))
    }

    private func fileSize(_ file: URL) -> UInt64 {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        return (attributes?[.size] as? NSNumber)?.uint64Value ?? 0
    }

    /// Applies the command line's changes to the manifest's board.
    func apply(_ overrides: BoardOverrides, to manifest: inout Manifest) {
        if let cpu = overrides.cpu { manifest.board.cpu = cpu }
        if let memory = overrides.memory {
            manifest.board.memory = memory
            manifest.memoryPlace = nil
            checkMemory(
                memory, shared: manifest.sharedMemory.reduce(0) { $0 + $1.size }, disks: manifest.disks.memory
            ) {
                "raise --memory to \($0), or give the machines less"
            }
        }
        guard let cores = overrides.cores, cores > 0 else { return }
        manifest.board.cores = cores
        for index in manifest.tenants.indices { manifest.tenants[index].core %= cores }
    }
}

extension UInt64 {
    fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
