import Entente
import ItemStore

// A store of items of 4 KiB in its own memory. Argument 0 is the number of items; the component needs some 4.1 KiB of
// memory for each.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let capacity = Int(truncatingIfNeeded: Configuration.current.arguments[0])
    var store = StoreServer(capacity: capacity)
    log("a store of \(capacity) items")
    serve(&store)
}
