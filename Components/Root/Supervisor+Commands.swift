import ABI
import Entente
import Supervision

// Root's console takes the commands `kill NAME`, `restarts`, `state NAME` and `help`. Only the user at the board's
// serial line can type there.
extension Supervisor {
    mutating func readCommands() {
        let console = Console()
        while let byte = console.take() {
            switch line.accept(byte) {
            case .none: break
            case .added: console.write(byte)
            case .removed: console.write("\u{8} \u{8}")
            case .ended:
                console.write("\n")
                perform(line.command)
                line.clear()
            }
        }
        console.flush()
    }

    private mutating func perform(_ command: CommandLine.Command) {
        switch command {
        case .nothing: break
        case .kill(let name): kill(name)
        case .restarts: listTenants()
        case .state(let name): if let tenant = living(name) { describe(tenant) }
        case .help:
            say("kill NAME: ends a tenant; restarts: lists tenants and their deaths; state NAME: shows its contexts\n")
        case .unknown: say("unknown command; 'help' lists the commands\n")
        }
    }

    /// Returns the living tenant of a name. Reports that there is none, or that it is dead, and returns nil.
    private func living(_ name: InlineArray<32, UInt8>) -> Int? {
        for tenant in 0..<BootPlan.tenantCount where isSame(BootPlan.tenant(tenant).name, name) {
            if executor.tenants[tenant].isAlive { return tenant }
            say("this tenant is dead already\n")
            return nil
        }
        say("no tenant has this name; 'restarts' lists the names\n")
        return nil
    }

    private mutating func kill(_ name: InlineArray<32, UInt8>) {
        guard let tenant = living(name) else { return }
        log("kill: \(name: name)")
        died(tenant)
    }

    private func isSame(_ left: InlineArray<32, UInt8>, _ right: InlineArray<32, UInt8>) -> Bool {
        for index in 0..<32 where left[index] != right[index] { return false }
        return true
    }

    private func listTenants() {
        for tenant in 0..<BootPlan.tenantCount {
            let deaths = executor.tenants[tenant].deaths
            say("\(name: BootPlan.tenant(tenant).name): \(state(of: tenant)), died \(deaths) times\n")
        }
    }

    private func state(of tenant: Int) -> StaticString {
        switch tree.state(ofTenant: tenant) {
        case .running: "runs"
        case .waiting: "waits for its restart"
        case .stopped, .absent: "stays stopped"
        }
    }
}
