import Entente
import Exchange

/// Starts the role that argument 0 selects. 0 serves, 1 visits, 2 takes the elements of a ring, and 3 puts elements
/// into a ring.
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
