import ABI

/// Checks who can keep the console driver from its core.
extension ManifestParser {
    /// Warns of tenants that share the driver's core and are not less urgent: while one of them computes, no console
    /// prints and no key arrives, its own included. That is no error, because a tenant may be meant to have the core
    /// for itself.
    ///
    /// - Parameter manifest: The descriptions as they will run, after the command line has replaced the board.
    func checkConsoleDriver(of manifest: Manifest) {
        for tenant in manifest.tenants where tenant.canStarveConsoleDriver(cores: manifest.board.cores) {
            guard let declaration = declarations.first(where: { $0.name == tenant.name }) else { continue }
            source.warn(
                at: declaration.priorityMark ?? declaration.mark,
                "\(declaration.title) has priority \(tenant.priority) on core \(ConsoleDriver.core), "
                    + "where the console driver has \(ConsoleDriver.priority): while it computes, no console prints and no key arrives",
                remedy: "give it a priority below \(ConsoleDriver.priority), "
                    + (declaration.isMachine
                        ? "or other cores" : "another core, or a 'budget' that leaves the driver its share"))
        }
    }
}

extension TenantDescription {
    fileprivate var priority: Int {
        switch self {
        case .machine(let machine): machine.priority
        case .component(let component): component.priority
        }
    }

    fileprivate func canStarveConsoleDriver(cores: Int) -> Bool {
        guard priority >= ConsoleDriver.priority else { return false }
        switch self {
        case .machine(let machine):
            return (0..<machine.cpus).contains { (machine.core + $0) % cores == ConsoleDriver.core }
        case .component(let component):
            return component.core == ConsoleDriver.core && !component.allowance.leavesTime(for: ConsoleDriver.allowance)
        }
    }
}

extension TimeAllowance {
    /// Whether both fit one core: their shares are no more than the whole.
    fileprivate func leavesTime(for other: TimeAllowance) -> Bool {
        guard self != .unlimited else { return false }
        return Double(budget) / Double(period) + Double(other.budget) / Double(other.period) <= 1
    }
}
