import ABI
import Entente
import Supervision

// The supervisor's lines on root's console: one for each start, death, restart and stop for good.
extension Supervisor {
    func reportStart() {
        log(executor.memory.account.text)
        if !executor.random.hasEntropy { log("root: without a source of random bits, random numbers can be guessed") }
        log("root: starting \(BootPlan.tenantCount) tenants on \(BootPlan.image.board.coreCount) cores")
    }

    /// Writes `restart: heartbeat, 2 of 5 within 10000 ms, in 200 ms`, or another consequence of a death.
    func report(_ verdict: SupervisionTree.Verdict, of tenant: Int) {
        switch verdict {
        case .nothing: break
        case .restart(let part, let number, let delay):
            let policy = tree.policy(of: part)
            log(
                "\(way(from: tenant, to: part))restart: \(name(of: part)), \(number) of \(policy.limit) within \(milliseconds(policy.span)) ms, in \(milliseconds(delay)) ms"
            )
        case .stop(let part): log("\(way(from: tenant, to: part))limit: \(name(of: part)) stays stopped")
        case .escalateToBoard(let part): log("\(way(from: tenant, to: part))limit: \(name(of: part))\(boardsAnswer)")
        }
    }

    /// Writes `back: heartbeat, life 3, built in 1234 us`.
    func reportRestart(of tenant: Int, took ticks: UInt64) {
        let (life, microseconds) = (executor.tenants[tenant].deaths + 1, ticks * 1_000_000 / Clock.frequency)
        log("back: \(name: BootPlan.tenant(tenant).name), life \(life), built in \(microseconds) us")
    }

    /// Returns `heartbeat is beyond its limit; ` if the consequence concerns its group.
    private func way(from tenant: Int, to part: PartID) -> LogText {
        part.tenant == nil ? "\(name: BootPlan.tenant(tenant).name) is beyond its limit; " : ""
    }

    private func name(of part: PartID) -> LogText {
        if let tenant = part.tenant { return "\(name: BootPlan.tenant(tenant).name)" }
        guard let group = part.group else { return "" }
        return "group \(name: BootPlan.group(group).name)"
    }

    private func milliseconds(_ ticks: UInt64) -> UInt64 { ticks / (Clock.frequency / 1000) }

    private var boardsAnswer: StaticString {
        switch OnFailure(rawValue: BootPlan.header.onFailure) {
        case .reset: " is beyond its limit; the board resets"
        case .powerOff: " is beyond its limit; the board goes off"
        case .goOn, nil: " stays stopped; everything else goes on"
        }
    }

    /// Waits a moment, in which the driver can send the bytes in root's queue.
    func waitForConsole() {
        let deadline = Clock.now + Clock.frequency / 5
        while !Console().output.isEmpty, Clock.now < deadline { yield() }
    }
}
