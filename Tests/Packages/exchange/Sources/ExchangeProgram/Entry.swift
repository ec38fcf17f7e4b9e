import Entente
import Exchange

/// Serves if argument 0 is 0, and visits if it is 1.
@c(entente_main)
public func main(_ argument: UInt64) {
    if Configuration.current.arguments[0] == 1 {
        visit(ExchangeClient(named: "server"))
        while true { _ = Events.wait() }
    }
    var server = ExchangeServer()
    serve(&server)
}
