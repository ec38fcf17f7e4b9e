import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// Delegation and revocation of capabilities.

func measureCapabilities(_ factory: inout ObjectFactory) {
    let source = factory.create(.notification)
    measureDerivation(&factory, source, "capability.copy", badge: 0)
    measureDerivation(&factory, source, "capability.badge", badge: 5)
    measureRevocation(&factory, source, "capability.revoke8", 8, turns: 64)
    measureRevocation(&factory, source, "capability.revoke64", 64, turns: 16)
    measureRevocation(&factory, source, "capability.revoke512", 512, turns: 4)
}

private func derive(_ source: UInt32, _ slot: UInt64, badge: UInt64) -> Answer {
    invoke(
        .derive, Selector(slot: source),
        Words(UInt64(InitialSlot.table), slot, UInt64(Rights.all.rawValue), badge))
}

private func measureDerivation(_ factory: inout ObjectFactory, _ source: UInt32, _ name: StaticString, badge: UInt64) {
    let turns: UInt64 = 128
    let first = UInt64(factory.reserveSlots(UInt32(turns)))
    let empty = ticks(turns) { _ in }
    let full = ticks(turns) { turn in _ = derive(source, first &+ turn, badge: badge) }
    require(derive(source, first &+ turns &- 1, badge: badge).has(.occupied), "find the last capability", status: .ok)
    report(name, ticks: full &- empty, turns: turns)
    require(revoke(source, .descendants) == .ok, "revoke", status: .ok)
    factory.giveBackSlots(UInt32(turns))
}

/// Delegates many capabilities, and revokes them by repeating one operation until the kernel answers that none is
/// left.
private func measureRevocation(
    _ factory: inout ObjectFactory, _ source: UInt32, _ name: StaticString, _ count: UInt64, turns: UInt64
) {
    let first = UInt64(factory.reserveSlots(UInt32(count)))
    var sum: UInt64 = 0
    for _ in 0..<turns {
        for place in 0..<count { require(derive(source, first &+ place, badge: 0), "derive a capability") }
        let start = Clock.now
        require(revoke(source, .descendants) == .ok, "revoke", status: .ok)
        sum &+= Clock.now &- start
    }
    report(name, ticks: sum, turns: turns)
    factory.giveBackSlots(UInt32(count))
}
