import Entente
import ItemStore

// A client of the store. Twice per second it puts an item by a call, and gets it back by a ring. When the store has
// died, the items are lost, and the client hands its rings to the store's next life.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    log("uses the store")
    let store = StoreClient(named: "store")
    let window = SharedRegion(named: "items").memory
    let alarm = Alarm(raising: .number(1))
    var rings = StoreRing(to: store, raising: .number(2))
    var number: UInt64 = 0
    while true {
        number += 1
        if rings == nil { rings = StoreRing(to: store, raising: .number(2)) }
        if put(number, into: store), let ring = rings {
            do throws(RingError) {
                log("item \(number) is \(try get(number, by: ring, window) ? "back" : "lost")")
            } catch {
                log("the store has died: \(rings!.reconnect() ? "connected anew" : "it does not answer yet")")
            }
        } else {
            log("the store does not answer")
        }
        alarm.set(after: .milliseconds(500))
        while !Events.wait().contains(alarm.events) {}
    }
}

func put(_ number: UInt64, into store: StoreClient) -> Bool {
    let item = [UInt64](repeating: number, count: ItemTable.itemSize / 8)
    return Lease<Reading>.lending(item.span) { lease in (try? store.put(number % 16, lease)) != nil }
}

func get(_ number: UInt64, by ring: StoreRing, _ window: SharedMemory) throws(RingError) -> Bool {
    guard try ring.send(StoreRequest(.get, key: number % 16, place: 0)) else { return false }
    let answer = try ring.waitForAnswer()
    return answer.error == nil && window[0] == number && window[ItemTable.itemSize - 8] == number
}
