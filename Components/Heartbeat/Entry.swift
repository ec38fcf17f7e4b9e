import Entente

// Logs a line once per second. It shows that a component continues while a machine beside it stands still. Argument 0
// is the period in milliseconds (0 means 1000).

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let milliseconds = Configuration.current.arguments[0]
    let period = Interval.milliseconds(milliseconds == 0 ? 1000 : milliseconds)
    let alarm = Alarm(raising: .number(1))
    var beat = Instant.now
    var count: UInt64 = 0
    while true {
        count += 1
        log("heartbeat \(count)")
        beat = beat + period
        alarm.set(at: beat)
        // Input at the console raises an event, too.
        while !Events.wait().contains(alarm.events) {}
    }
}
