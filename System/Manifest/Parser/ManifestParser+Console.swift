import ABI

/// Checks for tenants that can keep the console driver from its core.
extension ManifestParser {
    /// Warns of tenants that share the driver's core and are not less urgent than the driver. While one of them
    /// computes, no console prints and no key arrives, not even its own. That is no error, because the author may
    /// want the tenant to have the core for itself.
    ///
    /// - Parameter manifest: the descriptions as they will run, after the command line has changed the board.
    func checkConsoleDriver(of manifest: Manifest) {
        let urgent = manifest.tenants.filter { $0.canPreemptConsoleDriver(cores: manifest.board.cores) }
        // Tenants that leave the driver its share one by one may take it together.
        let together = urgent.reduce(0) { $0 + ($1.leavesConsoleDriverItsShare ? $1.share : 0) }
        for tenant in urgent where !tenant.leavesConsoleDriverItsShare || together > 1 - ConsoleDriver.allowance.share {
            guard let declaration = declarations.first(where: { $0.name == tenant.name }) else { continue }
            source.warn(
                at: declaration.priorityMark ?? declaration.mark,
                "\(declaration.title) has priority \(tenant.priority) on core \(ConsoleDriver.core), "
                    + "where the console driver has \(ConsoleDriver.priority): while it computes, no console prints "
                    + "and no key arrives",
                remedy: "give it a priority below \(ConsoleDriver.priority), "
                    + (declaration.isMachine
                        ? "or other cores" : "another core, or a 'budget' that leaves the driver its share"))
        }
    }
}

extension TenantDescription {
    fileprivate func canPreemptConsoleDriver(cores: Int) -> Bool {
        priority >= ConsoleDriver.priority && self.cores(of: cores).contains(ConsoleDriver.core)
    }

    /// Returns the cores on which it runs, if the board has `count`.
    func cores(of count: Int) -> Set<Int> {
        switch self {
        case .machine(let machine): Set((0..<machine.cpus).map { (machine.core + $0) % count })
        case .component(let component): [component.core]
        }
    }

    fileprivate var leavesConsoleDriverItsShare: Bool { share <= 1 - ConsoleDriver.allowance.share }

    /// The part of its core that it takes, at most.
    fileprivate var share: Double {
        switch self {
        case .machine: 1
        case .component(let component): component.allowance.share
        }
    }
}

extension TimeAllowance {
    /// The part of a core that it allows.
    fileprivate var share: Double { self == .unlimited ? 1 : Double(budget) / Double(period) }
}
