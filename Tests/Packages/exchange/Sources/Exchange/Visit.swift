import Entente

/// Everything once, with a line for each step.
public func visit(_ server: ExchangeClient) {
    do {
        let greeting = try server.greet(ShortText("a name that is longer than what six registers hold, by far" as LogText))
        log("\(greeting)")
        let numbers = [UInt64](repeating: 3, count: 1000)
        let sum = try Lease<Reading>.lending(numbers.span.bytes) { lease throws(CallError<ExchangeError>) in try server.sum(lease) }
        log("the sum is \(sum)")
        var bytes = [UInt8](repeating: 0, count: 10_000)
        var span = bytes.mutableSpan
        var buffer = span.mutableBytes
        try Lease<Writing>.lending(&buffer) { lease throws(CallError<ExchangeError>) in try server.fill(lease, with: 7) }
        log("filled: \(bytes.allSatisfy { $0 == 7 })")
        // More often than there are slots for capabilities.
        for _ in 0..<40 { try server.watch(Notification.own.capability(raising: .number(5))) }
        let isTold = try server.tell()
        log("told: \(isTold), heard: \(Events.wait().contains(.number(5)))")
    } catch {
        log("a call failed")
    }
    do throws(CallError<Never>) {
        try server.fail()
    } catch {
        if case .dead(let generation) = error { log("the server is dead, generation \(generation)") }
    }
}
