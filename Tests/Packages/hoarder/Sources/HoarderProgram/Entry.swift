import Entente
import Hoarder

/// Works for ever and returns all memory each time if argument 0 is 0, and takes memory until there is none if it is 1.
@c(entente_main)
public func main(_ argument: UInt64) {
    if Configuration.current.arguments[0] == 1 { hoardForEver() }
    do {
        try Heap.require(1 << 30)
    } catch {
        log("a GiB is too much, and that is an error")
    }
    let alarm = Alarm(raising: .number(1))
    var turn: UInt64 = 0
    while true {
        turn += 1
        var sum: UInt64 = 0
        for _ in 0..<20 { sum = hoard() }
        print("turn \(turn): the sum is \(sum)")
        log("\(Heap.used) bytes in use")
        alarm.set(after: .milliseconds(200))
        while !Events.wait().contains(alarm.events) {}
    }
}
