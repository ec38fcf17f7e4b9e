import ABI
import Entente
import Supervision

// What the supervisor says on root's console: a line for each start, death, restart and surrender.
extension Supervisor {
    func reportStart() {
        rootConsole.use { console in
            executor.memory.account.write(to: console)
            console.beginLine()
            console.write("root: starting ")
            console.write(decimal: UInt64(BootPlan.tenantCount))
            console.write(" tenants on ")
            console.write(decimal: BootPlan.image.board.coreCount)
            console.write(" cores\n")
            console.flush()
        }
    }

    /// `restart: heartbeat, 2 of 5 within 10000 ms, in 200 ms`, or what else follows from a death.
    func report(_ verdict: SupervisionTree.Verdict, of tenant: Int) {
        rootConsole.use { console in
            console.beginLine()
            switch verdict {
            case .nothing: break
            case .restart(let part, let number, let delay):
                writeWay(from: tenant, to: part, console)
                console.write("restart: ")
                writeName(of: part, console)
                writeCount(number, tree.policy(of: part), console)
                console.write(", in ")
                writeTime(delay, console)
            case .stop(let part):
                writeWay(from: tenant, to: part, console)
                console.write("limit: ")
                writeName(of: part, console)
                console.write(" stays stopped")
            case .escalateToBoard(let part):
                writeWay(from: tenant, to: part, console)
                console.write("limit: ")
                writeName(of: part, console)
                console.write(boardsAnswer)
            }
            console.write("\n")
            console.flush()
        }
    }

    /// `back: heartbeat, life 3, built in 1234 us`.
    func reportRestart(of tenant: Int, took ticks: UInt64) {
        rootConsole.use { console in
            console.beginLine()
            console.write("back: ")
            console.write(BootPlan.tenant(tenant).name)
            console.write(", life ")
            console.write(decimal: executor.tenants[tenant].deaths + 1)
            console.write(", built in ")
            console.write(decimal: ticks * 1_000_000 / Clock.frequency)
            console.write(" us\n")
            console.flush()
        }
    }

    /// `heartbeat is beyond its limit; `, when its group answers for it.
    private func writeWay(from tenant: Int, to part: PartID, _ console: Console) {
        guard part.tenant == nil else { return }
        console.write(BootPlan.tenant(tenant).name)
        console.write(" is beyond its limit; ")
    }

    func writeName(of part: PartID, _ console: Console) {
        if let tenant = part.tenant { return console.write(BootPlan.tenant(tenant).name) }
        guard let group = part.group else { return }
        console.write("group ")
        console.write(BootPlan.group(group).name)
    }

    private func writeCount(_ number: Int, _ policy: RestartPolicy, _ console: Console) {
        console.write(", ")
        console.write(decimal: UInt64(number))
        console.write(" of ")
        console.write(decimal: UInt64(policy.limit))
        console.write(" within ")
        writeTime(policy.window, console)
    }

    private func writeTime(_ ticks: UInt64, _ console: Console) {
        console.write(decimal: ticks / (Clock.frequency / 1000))
        console.write(" ms")
    }

    private var boardsAnswer: StaticString {
        switch OnFailure(rawValue: BootPlan.header.onFailure) {
        case .reset: " is beyond its limit; the board resets"
        case .powerOff: " is beyond its limit; the board goes off"
        case .goOn, nil: " stays stopped; everything else goes on"
        }
    }

    /// Gives the driver a moment to send what is in root's ring.
    func waitForConsole() {
        let deadline = Clock.now + Clock.frequency / 5
        while !rootConsole.isDrained, Clock.now < deadline { yield() }
    }
}
