import Entente

// A producer and a consumer of a ring. They report every 200 ms that they work, and log a line if something was lost.
// Each hangs when a letter at its console asks for it.

/// The letters that the console takes.
private enum Command {
    /// Makes the program spin on its own time.
    static let spin = UInt8(ascii: "s")
    /// Stops the consumer from taking elements until the same letter comes again.
    static let idle = UInt8(ascii: "t")
    /// Makes the consumer use the next lease until its caller is gone.
    static let keep = UInt8(ascii: "k")
}

/// The longest time between two turns, in the words of `HarmWitness`.
private struct Turns {
    private var last: Instant?
    private var longest: UInt64 = 0

    mutating func add() {
        let now = Instant.now
        if let last { longest = max(longest, now.ticks - last.ticks) }
        last = now
    }

    var text: LogText { "gap \(longest * 1000 / Clock.frequency) ms" }

    /// Obeys a letter that begins or ends a measurement. Logs a line for any other letter, which nobody has typed.
    mutating func obey(_ letter: UInt8) {
        switch letter {
        case UInt8(ascii: "l"): longest = 0
        case UInt8(ascii: "q"): log("quiet, \(text)")
        default: log("lost input, or got some that nobody has typed")
        }
    }
}

private func spin() -> Never { while true { _ = Instant.now } }

/// Puts consecutive numbers into a ring, and lends memory with a call at each turn. Logs a line only if it could put a
/// number, so that it is silent while the ring is full.
public func produce(for server: ExchangeClient) -> Never {
    let alarm = Alarm(raising: .number(1))
    let console = Console()
    let numbers: [UInt64] = [1, 2, 3]
    guard var ring = try? SharedRing<UInt64>(size: 4096, raising: .number(9)) else { fatalError("no ring") }
    var producer: RingProducer<UInt64>?
    var next: UInt64 = 1
    var turns = Turns()
    alarm.set(after: .milliseconds(200))
    while true {
        guard Events.wait().contains(alarm.events) else { continue }
        alarm.set(after: .milliseconds(200))
        while let letter = console.take() { if letter == Command.spin { spin() } else { turns.obey(letter) } }
        guard isAdded(numbers, by: server) else { continue }
        if producer == nil {
            // A renewed ring is empty. The consumer accepts any first number, so no message has to name it.
            ring.renew()
            guard let peer = try? server.stream(ring.offer) else { continue }
            producer = ring.producer(waking: peer)
        }
        var count = 0
        do throws(RingError) {
            while let producer, try producer.put(next) {
                next += 1
                count += 1
            }
        } catch {
            producer = nil
            log("lost what the consumer has not taken")
        }
        guard count > 0 else { continue }
        turns.add()
        log("well, \(turns.text)")
    }
}

private func isAdded(_ numbers: [UInt64], by server: ExchangeClient) -> Bool {
    do throws(CallError<ExchangeError>) {
        return try Lease<Reading>.lending(numbers.span) { lease throws(CallError<ExchangeError>) in
            try server.sum(lease)
        } == numbers.reduce(0, &+)
    } catch {
        return false
    }
}

/// Takes all numbers out of the ring at each turn, and checks that none is missing.
public struct ObedientConsumer: ExchangeInterface {
    private var server = ExchangeServer()
    private var consumer: RingConsumer<UInt64>?
    private var expected: UInt64 = 0
    private var takes = true
    private var keeps = false
    private var turns = Turns()
    private let alarm = Alarm(raising: .number(1))
    private let console = Console()

    public init() { alarm.set(after: .milliseconds(200)) }

    public mutating func heard(_ events: Events) {
        while let letter = console.take() {
            switch letter {
            case Command.spin: spin()
            case Command.idle: takes.toggle()
            case Command.keep: keeps = true
            default: turns.obey(letter)
            }
        }
        guard events.contains(alarm.events) else { return }
        alarm.set(after: .milliseconds(200))
        if takes { drain() }
        turns.add()
        log("well, \(turns.text)")
    }

    private mutating func drain() {
        while let consumer, case .element(let number)? = try? consumer.take() {
            if expected != 0, number != expected { log("lost \(expected) to \(number)") }
            expected = number + 1
        }
    }

    public mutating func sum(_ numbers: Lease<Reading>) throws(ExchangeError) -> UInt64 {
        while keeps {
            do { _ = try numbers.word(at: 0) } catch { keeps = false }
        }
        return try server.sum(numbers)
    }

    public mutating func stream(_ ring: RingOffer<UInt64>) throws(ExchangeError) -> Capability<Notification> {
        expected = 0
        do throws(SharingError) {
            consumer = try ring.accept().consumer()
        } catch {
            ring.release()
            throw .badRing
        }
        return Notification.own.capability(raising: .number(7))
    }

    public mutating func drained() -> UInt64 { expected }
    public mutating func greet(_ name: ShortText) -> ShortText { server.greet(name) }
    public mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExchangeError) {
        try server.fill(buffer, with: byte)
    }
    public mutating func watch(_ events: Capability<Notification>) { server.watch(events) }
    public mutating func tell() -> Bool { server.tell() }
    public mutating func fail() { server.fail() }
}
