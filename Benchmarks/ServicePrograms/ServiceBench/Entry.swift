import Entente
import ItemStore
import LineLog
import Marks

// The client of a store, of a log and of a disk. It performs each task `count` times (argument 0) between two marks, so
// that the plugin in Benchmarks/Requests counts the instructions of all parts. It prints `service: TASK OPERATIONS` for
// each task, in the order of the marks, and `service: end`. Lines of batches have the mean time from the first request
// of a batch to its first answer behind that, in tenths of a tick.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let count = Int(truncatingIfNeeded: Configuration.current.arguments[0])
    var bench = ServiceBench(count: count)
    bench.measureCalls()
    bench.measureRings()
    bench.measureLog()
    bench.measureDisk()
    log("service: end")
    while true { _ = Events.wait() }
}

/// The number of keys that the tasks use.
let keyCount: UInt64 = 256

func require(_ holds: Bool, _ what: StaticString) {
    guard !holds else { return }
    log("service: cannot \(what)")
    fatalError("a measurement has failed")
}

/// Performs a task, without and then with the marks.
@inline(__always)
func measure(_ name: LogText, _ count: Int, _ body: (Int) -> Void) {
    for turn in 0..<min(count, 64) { body(turn) }
    mark_begin()
    for turn in 0..<count { body(turn) }
    mark_end()
    log("service: \(name) \(count)")
}

struct ServiceBench {
    let count: Int
    let store = StoreClient(named: "store")
    var item = [UInt64](repeating: 0, count: ItemTable.itemSize / 8)
}

// MARK: One call for each item

extension ServiceBench {
    mutating func put(_ key: UInt64) {
        let isDone = Lease<Reading>.lending(item.span) { lease in (try? store.put(key, lease)) != nil }
        require(isDone, "put an item")
    }

    mutating func get(_ key: UInt64) {
        let store = store
        var span = item.mutableSpan
        let isDone = Lease<Writing>.lending(&span) { lease in (try? store.get(key, lease)) != nil }
        require(isDone, "get an item")
    }

    /// Fills the store with items that tell their keys.
    mutating func measureCalls() {
        for key in 0..<keyCount {
            item[0] = key
            item[item.count - 1] = key &+ 1
            put(key)
        }
        for key in 0..<keyCount {
            get(key)
            require(item[0] == key && item[item.count - 1] == key &+ 1, "get back what was put")
        }
        measure("call.has", count) { turn in
            require((try? store.has(UInt64(turn) % keyCount)) == true, "ask for an item")
        }
        measure("call.get", count) { turn in get(UInt64(turn) % keyCount) }
        for key in 0..<keyCount { require((try? store.has(key)) == true, "have all items") }
        measure("call.put", count) { turn in put(UInt64(turn) % keyCount) }
    }
}
