import Entente
import Ledger

/// Runs the role that argument 0 names; 0 serves.
@c(entente_main)
public func main(_ argument: UInt64) {
    switch Configuration.current.arguments[0] {
    case 1: noteForEver(LedgerClient(named: "ledger"))
    case 2: crash(LedgerClient(named: "ledger"))
    case 3: takeBack(LedgerClient(named: "ledger"))
    case 4: feedForEver(LedgerClient(named: "ledger"))
    default:
        var server = LedgerServer()
        serve(&server)
    }
    while true { _ = Events.wait() }
}
