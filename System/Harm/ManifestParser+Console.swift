import ABI

/// Checks for tenants that can keep the console driver from its core.
extension ManifestParser {
    /// Warns of each tenant whose time can keep the console driver from its core, as the analysis of harm finds them.
    /// While they compute, no console prints and no key arrives, not even their own. That is no error, because the
    /// author may want such a tenant to have the core for itself.
    ///
    /// - Parameter manifest: the descriptions as they will run, after the command line has changed the board. A system
    ///   that cannot be planned gets no warning, because other checks report the cause.
    func checkConsoleDriver(of manifest: Manifest) {
        guard let plan = try? manifest.planWithPlaceholders(),
            let driver = plan.tenants.firstIndex(where: { $0.kind == .consoleDriver })
        else { return }
        var known: Set<Int> = []
        for link in HarmAnalysis.links(to: driver, in: plan) where link.effect == .stall {
            let tenant = plan.tenants[link.offender]
            guard let declaration = declarations.first(where: { $0.name == tenant.name }) else { continue }
            let problem: String
            var limit = ConsoleDriver.priority
            switch link.cause {
            case .core(let core, let priority, let own):
                // A monitor is more urgent than its machine.
                let isMonitor = priority > tenant.priority
                limit -= priority - tenant.priority
                problem =
                    "\(isMonitor ? "the monitor of " : "")\(declaration.title) has priority \(priority) on core "
                    + "\(core), where the console driver has \(own): while it computes, no console prints and no key "
                    + "arrives"
            case .budgets(let core):
                problem =
                    "the budgets of \(declaration.title) and of all else that is as urgent as the console driver "
                    + "(\(ConsoleDriver.priority)) take the whole of core \(core): while they compute, no console "
                    + "prints and no key arrives"
            // Servers, and tenants that wake others, use the time of a tenant that gets the warning.
            default: continue
            }
            guard known.insert(link.offender).inserted else { continue }
            source.warn(
                at: declaration.priorityMark ?? declaration.mark, problem,
                remedy: "give it a priority below \(limit), "
                    + (declaration.isMachine
                        ? "or other cores" : "another core, or a 'budget' that leaves the driver its share"))
        }
    }
}
