import Entente

public struct ExchangeServer: ExchangeInterface {
    private var watcher: Capability<Notification>?
    private var ring: AcceptedRing<UInt64>?

    public init() {}

    public mutating func greet(_ name: ShortText) -> ShortText { ShortText("hello, \(name)" as LogText) }

    public mutating func sum(_ numbers: Lease<Reading>) throws(ExchangeError) -> UInt64 {
        var sum: UInt64 = 0
        for offset in stride(from: 0, to: numbers.count, by: 8) {
            do { sum &+= try numbers.word(at: offset) } catch { throw .badLease }
        }
        return sum
    }

    public mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExchangeError) {
        // The server writes in pieces, because the caller chooses the size of the buffer.
        let piece = [UInt8](repeating: byte, count: 1024)
        var offset = 0
        while offset < buffer.count {
            let size = min(piece.count, buffer.count - offset)
            do { try buffer.write(piece.span.extracting(first: size), at: offset) } catch { throw .badLease }
            offset += size
        }
    }

    public mutating func watch(_ events: Capability<Notification>) {
        watcher?.release()
        watcher = events
    }

    public mutating func tell() -> Bool {
        guard let watcher else { return false }
        return Notification(watcher).raise() == .ok
    }

    public mutating func stream(_ ring: RingOffer<UInt64>) throws(ExchangeError) -> Capability<Notification> {
        do throws(SharingError) {
            self.ring = try ring.accept()
        } catch {
            ring.release()
            throw .badRing
        }
        return Notification.own.capability(raising: .number(7))
    }

    public mutating func drained() -> UInt64 {
        guard let ring else { return 0 }
        let consumer = ring.consumer()
        var sum: UInt64 = 0
        while case .element(let element)? = try? consumer.take() { sum &+= element }
        return sum
    }

    public mutating func fail() { fatalError("asked for") }
}
