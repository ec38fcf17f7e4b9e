import ABI
@_spi(Kernel) import Entente

// Turns a server's time into its own. It arms a timer argument 1 microseconds ahead, calls the server with a request
// that takes argument 0 microseconds, is aborted by the timer as soon as the server has begun, and repeats. If the
// kernel let the server go on at its own priority and without a budget, this client would own the core, with any budget
// of its own.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let server = Portal(named: "server").slot
    let request = Clock.frequency * Configuration.current.arguments[0] / 1_000_000
    let patience = Clock.frequency * Configuration.current.arguments[1] / 1_000_000
    let alarm = Events.number(1)
    Events.abortCalls(on: alarm)
    var count: UInt64 = 0
    while true {
        _ = poll(InitialSlot.notification)
        setTimer(InitialSlot.notification, deadline: Clock.now + patience, bits: alarm.bits)
        guard call(server, Words(request)).status == .aborted else { continue }
        count += 1
        if count % 100 == 0 { log("launderer: aborted \(count)") }
    }
}
