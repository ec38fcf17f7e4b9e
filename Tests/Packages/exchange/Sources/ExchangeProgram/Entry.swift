import Entente
import Exchange

/// Argument 0: 0 serves, 1 visits, 2 takes what comes out of a ring, 3 puts into one.
@c(entente_main)
public func main(_ argument: UInt64) {
    switch Configuration.current.arguments[0] {
    case 1:
        visit(ExchangeClient(named: "server"))
        while true { _ = Events.wait() }
    case 2:
        var consumer = ObedientConsumer()
        serve(&consumer)
    case 3: produce(for: ExchangeClient(named: "server"))
    default:
        var server = ExchangeServer()
        serve(&server)
    }
}
