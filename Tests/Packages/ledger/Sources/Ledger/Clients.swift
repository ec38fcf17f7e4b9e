@_spi(Kernel) import Entente

/// Calls the ledger ten times per second, and logs each call.
public func noteForEver(_ ledger: LedgerClient) {
    let alarm = Alarm(raising: .number(1))
    var number: UInt64 = 0
    while true {
        number += 1
        do throws(CallError<Never>) {
            let count = try ledger.note(number)
            let fed = try ledger.fed()
            log("note \(number), \(count) in this life, \(fed) fed")
        } catch {
            log("the ledger does not answer")
        }
        alarm.set(after: .milliseconds(100))
        while !Events.wait().contains(alarm.events) {}
    }
}

/// Crashes after the ledger has accepted its ring.
public func crash(_ ledger: LedgerClient) {
    guard let ring = try? SharedRing<UInt64>(size: 4096, raising: .number(2)),
        (try? ledger.journal(ring.offer)) != nil
    else { return log("no ring") }
    log("the ring is handed over")
    fatalError("a bug of the client's")
}

/// Revokes all memory that it can name after the ledger has accepted its rings, and lives on.
public func takeBack(_ ledger: LedgerClient) {
    guard let journal = try? SharedRing<UInt64>(size: 4096, raising: .number(2)),
        (try? ledger.journal(journal.offer)) != nil,
        let feed = try? SharedRing<UInt64>(size: 4096, raising: .number(2)), (try? ledger.feed(feed.offer)) != nil
    else { return log("no ring") }
    for slot in 6..<160 as Range<UInt32> where slot != ledger.portal.slot {
        _ = revoke(slot, .descendants)
        _ = revoke(slot, .delete)
    }
    log("everything is taken back")
}

/// Puts numbers into a ring for ever, even if the ledger dies.
public func feedForEver(_ ledger: LedgerClient) {
    let alarm = Alarm(raising: .number(1))
    guard var ring = try? SharedRing<UInt64>(size: 4096, raising: .number(2)) else { return log("no ring") }
    var offers = 0
    while true {
        if let peer = try? ledger.feed(ring.offer) {
            offers += 1
            log("offer \(offers) is taken")
            let producer = ring.producer(waking: peer)
            let error = feed(producer, alarm)
            log("fed until \(error == .peerGone ? "the ledger died" : "the ring broke" as StaticString)")
            peer.release()
        } else {
            alarm.set(after: .milliseconds(20))
            while !Events.wait().contains(alarm.events) {}
        }
        ring.renew()
    }
}

/// Feeds the ring until it is over.
private func feed(_ producer: RingProducer<UInt64>, _ alarm: Alarm) -> RingError {
    var number: UInt64 = 0
    do throws(RingError) {
        while true {
            while try producer.put(number) { number += 1 }
            alarm.set(after: .milliseconds(2))
            while !Events.wait().contains(alarm.events) {}
        }
    } catch {
        return error
    }
}
