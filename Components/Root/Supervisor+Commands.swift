import ABI
import Entente
import Supervision

// Root's console takes commands: `kill NAME`, `restarts`, `machine NAME`, `help`. Only who holds the board's serial
// line can type there.
extension Supervisor {
    mutating func readCommands() {
        while let byte = Console().take() {
            switch line.accept(byte) {
            case .none: break
            case .added: rootConsole.use { $0.write(byte) }
            case .removed: rootConsole.use { $0.write("\u{8} \u{8}") }
            case .ended:
                rootConsole.use { $0.write("\n") }
                perform(line.command)
                line.clear()
            }
        }
        rootConsole.use { $0.flush() }
    }

    private mutating func perform(_ command: CommandLine.Command) {
        switch command {
        case .nothing: break
        case .kill(let name): kill(name)
        case .restarts: listTenants()
        case .machine(let name): describe(name)
        case .help:
            say("kill NAME: as if it had died; restarts: everything and how often it died; machine NAME: its state\n")
        case .unknown: say("unknown command; 'help' lists them\n")
        }
    }

    private mutating func kill(_ name: InlineArray<32, UInt8>) {
        for tenant in 0..<BootPlan.tenantCount where isSame(BootPlan.tenant(tenant).name, name) {
            guard executor.tenants[tenant].isAlive else { return say("it is dead already\n") }
            rootConsole.use { console in
                console.beginLine()
                console.write("kill: ")
                console.write(name)
                console.write("\n")
            }
            return died(tenant)
        }
        say("nothing has that name; 'restarts' lists the names\n")
    }

    private func describe(_ name: InlineArray<32, UInt8>) {
        for tenant in 0..<BootPlan.tenantCount where isSame(BootPlan.tenant(tenant).name, name) {
            guard executor.tenants[tenant].isAlive else { return say("it is dead\n") }
            if !describeVirtualCPUs(of: tenant) { say("it is no machine\n") }
            return
        }
        say("nothing has that name; 'restarts' lists the names\n")
    }

    private func isSame(_ left: InlineArray<32, UInt8>, _ right: InlineArray<32, UInt8>) -> Bool {
        for index in 0..<32 where left[index] != right[index] { return false }
        return true
    }

    private func listTenants() {
        rootConsole.use { console in
            for tenant in 0..<BootPlan.tenantCount {
                console.write(BootPlan.tenant(tenant).name)
                console.write(": ")
                switch tree.state(ofTenant: tenant) {
                case .running: console.write("runs")
                case .waiting: console.write("waits for its restart")
                case .stopped, .absent: console.write("stays stopped")
                }
                console.write(", died ")
                console.write(decimal: executor.tenants[tenant].deaths)
                console.write(" times\n")
            }
            console.flush()
        }
    }

    private func say(_ text: StaticString) {
        rootConsole.use { console in
            console.write(text)
            console.flush()
        }
    }
}
