import Entente

/// Keeps the rings of its clients as long as it lives, even if the clients die.
public struct LedgerServer: LedgerInterface {
    private var count: UInt64 = 0
    private var fedCount: UInt64 = 0
    private var journals: [Journal] = []
    private var feeds: [Feed] = []
    private static let maximum = 12

    public init() {}

    public mutating func note(_ number: UInt64) -> UInt64 {
        takeFeeds()
        for journal in journals { journal.put(number) }
        count += 1
        return count
    }

    public mutating func journal(_ ring: RingOffer<UInt64>) throws(LedgerError) -> Capability<Notification> {
        journals.removeAll { $0.releaseIfOver() }
        guard journals.count < Self.maximum else {
            ring.release()
            throw .full
        }
        journals.append(Journal(try accept(ring)))
        return Notification.own.capability(raising: .number(7))
    }

    public mutating func feed(_ ring: RingOffer<UInt64>) throws(LedgerError) -> Capability<Notification> {
        feeds.removeAll { $0.releaseIfOver() }
        guard feeds.count < Self.maximum else {
            ring.release()
            throw .full
        }
        feeds.append(Feed(try accept(ring)))
        return Notification.own.capability(raising: .number(8))
    }

    public mutating func fed() -> UInt64 {
        takeFeeds()
        return fedCount
    }

    public mutating func heard(_ events: Events) { takeFeeds() }

    private func accept(_ ring: RingOffer<UInt64>) throws(LedgerError) -> AcceptedRing<UInt64> {
        do throws(SharingError) {
            return try ring.accept()
        } catch {
            ring.release()
            throw .badRing
        }
    }

    private mutating func takeFeeds() {
        for feed in feeds { fedCount += feed.takeAll() }
    }
}

private class Accepted {
    private let ring: AcceptedRing<UInt64>
    init(_ ring: AcceptedRing<UInt64>) { self.ring = ring }

    /// Makes room for other rings if the client has died.
    func releaseIfOver() -> Bool {
        guard ring.isOver else { return false }
        ring.release()
        return true
    }
}

private final class Journal: Accepted {
    private var producer: RingProducer<UInt64>

    override init(_ ring: AcceptedRing<UInt64>) {
        producer = ring.producer()
        super.init(ring)
    }

    func put(_ number: UInt64) { _ = try? producer.put(number) }
}

private final class Feed: Accepted {
    private var consumer: RingConsumer<UInt64>

    override init(_ ring: AcceptedRing<UInt64>) {
        consumer = ring.consumer()
        super.init(ring)
    }

    func takeAll() -> UInt64 {
        var count: UInt64 = 0
        while case .element? = try? consumer.take() { count += 1 }
        _ = try? consumer.willSleep()
        return count
    }
}
