import Entente

struct ExampleServer: ExampleInterface {
    var calls = 0
    var callers: [UInt64] = []
    var watchers: [Capability<Notification>] = []
    var events = Events(bits: 0)
    var ring: AcceptedRing<UInt64>?

    mutating func willAnswer(_ caller: UInt64) {
        calls += 1
        callers.append(caller)
    }
    mutating func heard(_ events: Events) { self.events = self.events.union(events) }

    mutating func nothing() {}

    mutating func add(_ left: UInt64, to right: UInt64) throws(ExampleError) -> UInt64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        if overflow { throw .overflow }
        return sum
    }

    mutating func narrow(byte: UInt8, small: Int16, flag: Bool, mode: Mode) -> Int64 {
        let sum = Int64(byte) + Int64(small) + (flag ? 1000 : 0)
        return mode == .on ? sum : -sum
    }

    mutating func long(a: UInt64, b: UInt64, c: UInt64, d: UInt64, e: UInt64, f: UInt64) -> UInt64 {
        [a, b, c, d, e, f].reduce(0) { $0 &* 10 &+ $1 }
    }

    mutating func greet(_ name: ShortText) -> ShortText { ShortText("hello, \(name)" as LogText) }

    mutating func sum(_ numbers: Lease<Reading>) throws(ExampleError) -> UInt64 {
        var sum: UInt64 = 0
        for offset in stride(from: 0, to: numbers.count, by: 8) {
            do { sum &+= try numbers.word(at: offset) } catch { throw .badLease }
        }
        return sum
    }

    mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExampleError) {
        let bytes = [UInt8](repeating: byte, count: buffer.count)
        do { try buffer.write(bytes.span) } catch { throw .badLease }
    }

    mutating func watch(_ events: Capability<Notification>) { watchers.append(events) }

    mutating func tell() -> UInt64 {
        for watcher in watchers {
            Notification(watcher).raise()
            watcher.release()
        }
        defer { watchers = [] }
        return UInt64(watchers.count)
    }

    mutating func stream(_ ring: RingOffer<UInt64>) throws(ExampleError) -> Capability<Notification> {
        do throws(SharingError) {
            self.ring?.release()
            self.ring = nil
            self.ring = try ring.accept()
        } catch {
            ring.release()
            throw .badRing
        }
        return Notification.own.capability(raising: .number(7))
    }

    mutating func drain() -> UInt64 {
        guard let ring else { return 0 }
        let consumer = ring.consumer()
        var sum: UInt64 = 0
        while case .element(let element)? = try? consumer.take() { sum &+= element }
        _ = try? consumer.willSleep()
        return sum
    }

    mutating func own(_ bits: UInt64) -> Capability<Notification> {
        Notification.own.capability(raising: Events(bits: bits))
    }
}
