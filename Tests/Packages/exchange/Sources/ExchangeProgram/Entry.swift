import Entente
import Exchange

/// Argument 0: 0 serves, 1 visits.
@c(entente_main)
public func main(_ argument: UInt64) {
    if Configuration.current.arguments[0] == 1 {
        visit(ExchangeClient(named: "server"))
        while true { _ = Events.wait() }
    }
    var server = ExchangeServer()
    serve(&server)
}
