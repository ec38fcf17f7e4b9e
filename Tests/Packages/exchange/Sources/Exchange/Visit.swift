import Entente

/// Calls each method once, and logs a line for each step.
public func visit(_ server: ExchangeClient) {
    do throws(CallError<Never>) {
        let name: LogText = "a name that is longer than what six registers hold, by far"
        let greeting = try server.greet(ShortText(name))
        log("\(greeting)")
        // There are more calls than slots for capabilities, so the server must release slots.
        for _ in 0..<40 { try server.watch(Notification.own.capability(raising: .number(5))) }
        let isTold = try server.tell()
        log("told: \(isTold), heard: \(Events.wait().contains(.number(5)))")
    } catch {
        report(error)
    }
    do throws(CallError<ExchangeError>) {
        let numbers = [UInt64](repeating: 3, count: 1000)
        let sum = try Lease<Reading>.lending(numbers.span) { lease throws(CallError<ExchangeError>) in
            try server.sum(lease)
        }
        log("the sum is \(sum)")
        var bytes = [UInt8](repeating: 0, count: 10_000)
        var span = bytes.mutableSpan
        try Lease<Writing>.lending(&span) { lease throws(CallError<ExchangeError>) in try server.fill(lease, with: 7) }
        log("filled: \(bytes.allSatisfy { $0 == 7 })")
    } catch {
        report(error)
    }
    stream(to: server)
    do throws(CallError<Never>) { try server.fail() } catch { report(error) }
}

/// Makes a ring in shared memory, into which the visitor puts elements and from which the server takes them.
private func stream(to server: ExchangeClient) {
    guard let ring = try? SharedRing<UInt64>(size: 8192, raising: .number(9)),
        let peer = try? server.stream(ring.offer)
    else {
        log("no ring")
        return
    }
    let producer = ring.producer(waking: peer)
    var put: UInt64 = 0
    while (try? producer.put(put + 1)) == true { put += 1 }
    let sum = (try? server.drained()) ?? 0
    log("the ring carried \(put) numbers: \(sum == put * (put + 1) / 2)")
}

private func report<Failure>(_ error: CallError<Failure>) {
    switch error {
    case .failed: log("the server threw")
    case .dead(let generation): log("the server is dead, generation \(generation)")
    case .aborted: log("aborted")
    case .refused: log("refused")
    case .malformed: log("malformed")
    case .kernel(let status): log("the kernel says \(status.rawValue)")
    }
}
