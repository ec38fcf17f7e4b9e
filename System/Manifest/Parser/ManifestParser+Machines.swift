import Foundation

/// Checks that machines can start, and that their consoles work.
extension ManifestParser {
    /// Checks the files and the consoles of all machines.
    ///
    /// - Parameter inspect: examines a machine's files.
    func checkMachines(of manifest: Manifest, _ inspect: (MachineDescription) -> [MachineFinding]) {
        for machine in manifest.machines {
            guard let declaration = declarations.first(where: { $0.name == machine.name }) else { continue }
            for finding in machine.findings + inspect(machine) {
                let mark = declaration.marks[finding.key] ?? declaration.mark
                let problem = "\(declaration.title): \(finding.problem)"
                switch finding.severity {
                case .error: source.report(at: mark, problem, remedy: finding.remedy)
                case .warning: source.warn(at: mark, problem, remedy: finding.remedy)
                }
            }
        }
    }

    /// Warns of machines that are more urgent than others on a core, because a guest may compute for as long as it
    /// likes. Components cause no warning, because they are meant to be urgent and to finish soon.
    func checkPriorities(of manifest: Manifest) {
        for machine in manifest.machines {
            let tenant = TenantDescription.machine(machine)
            let cores = tenant.cores(of: manifest.board.cores)
            let starved = manifest.tenants.filter {
                $0.priority < machine.priority && !$0.cores(of: manifest.board.cores).isDisjoint(with: cores)
            }
            guard let least = starved.map(\.priority).min(),
                let declaration = declarations.first(where: { $0.name == machine.name })
            else { continue }
            let names = enumerated(starved.map { "'\($0.name)' (\($0.priority))" })
            let pronoun = starved.count == 1 ? "that does" : "those do"
            source.warn(
                at: declaration.priorityMark ?? declaration.mark,
                "\(declaration.title) has priority \(machine.priority), above \(names) on the same core: while it "
                    + "computes, \(pronoun) not run there",
                remedy: "give it a priority of at most \(least), or other cores")
        }
    }
}

extension MachineDescription {
    /// The faults that show without the machine's files.
    fileprivate var findings: [MachineFinding] {
        [consoleFinding, debianMemoryFinding].compactMap(\.self)
    }

    /// The warning that the machine's console stays silent. A kernel writes to all consoles that its command line
    /// names, or to the device tree's console if it names none.
    private var consoleFinding: MachineFinding? {
        let consoles = commandLine.split(separator: " ").filter { $0.hasPrefix("console=") }
            .map { String($0.dropFirst("console=".count).prefix { $0 != "," }) }
        // An empty name, or 'null', tells a kernel to be silent.
        let isSilent = consoles.contains { $0.isEmpty || $0 == "null" }
        guard let last = consoles.last, !isSilent, !consoles.contains(Self.consoleName) else { return nil }
        return MachineFinding(
            at: "command-line", .warning,
            "the command line has 'console=\(last)', and the only console of a machine is a PL011, "
                + "'\(Self.consoleName)': its console would stay silent",
            remedy: "write 'console=\(Self.consoleName)', or leave it out")
    }

    private static let consoleName = "ttyAMA0"

    private var debianMemoryFinding: MachineFinding? {
        guard case .debian(let flavour) = guest, memory < flavour.leastMemory else { return nil }
        return MachineFinding(
            at: "memory", .warning,
            "Debian's kernel (\(flavour.rawValue)) does not start in \(ByteSize(bytes: memory)), and its console stays silent",
            remedy: "give the machine at least \(ByteSize(bytes: flavour.leastMemory)), better "
                + "\(ByteSize(bytes: MachineDescription(name: "").memory))")
    }
}

extension DebianFlavour {
    /// The least memory, in steps of 16 MiB, with which both flavours were seen to reach their shell. 48 MiB do not
    /// suffice.
    var leastMemory: UInt64 { 64 << 20 }
}

extension TenantDescription {
    /// Returns the cores on which it runs, if the board has `count`.
    func cores(of count: Int) -> Set<Int> {
        switch self {
        case .machine(let machine): Set((0..<machine.cpus).map { (machine.core + $0) % count })
        case .component(let component): [component.core]
        }
    }
}
