import Entente
import Mishaps

@c(entente_main)
public func main(_ argument: UInt64) {
    goWrong(Int(Configuration.current.arguments[0]))
    log("all is well")
    while true { _ = Events.wait() }
}
