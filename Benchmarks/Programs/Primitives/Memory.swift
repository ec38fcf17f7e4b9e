import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// Mapping and unmapping in the second address space, and a page fault with a mapping as the answer.

private let base: UInt64 = ComponentLayout.workspace &+ 0x2000_0000
private let mappings: UInt64 = ComponentLayout.workspace &+ 0x8000_0000
private let rounds: UInt64 = 200

func measureMemory(_ factory: inout ObjectFactory) {
    measureMapping(&factory, "memory.map.4k", "memory.unmap.4k", 4096)
    measureMapping(&factory, "memory.map.2m", "memory.unmap.2m", 2 << 20)
}

/// Maps one extent at many addresses, then unmaps them one by one.
private func measureMapping(
    _ factory: inout ObjectFactory, _ mapName: StaticString, _ unmapName: StaticString, _ size: UInt64
) {
    let extent = UInt64(factory.create(.extent, size, alignment: size))
    let space = Selector(slot: factory.space)
    let first = factory.reserveSlots(UInt32(rounds) &+ 1)
    let rights = UInt64(Rights.read.rawValue | Rights.write.rawValue)
    // Small pages and large ones use separate gigabytes, so that tables of small ones stay.
    let place = mappings &+ (size > 4096 ? 1 << 30 : 0)
    func map(_ turn: UInt64) -> Answer {
        invoke(.map, space, Words(extent, place &+ turn &* size, 0, size, rights, UInt64(first) &+ turn))
    }
    func unmap(_ turn: UInt64) -> Answer {
        invoke(.revoke, Selector(slot: first &+ UInt32(turn), form: RevokeForm.delete.rawValue))
    }
    // Makes the tables for the addresses first, so that both rows measure only the mapping itself.
    for turn in 0..<rounds { require(map(turn), "map memory") }
    for turn in 0..<rounds { require(unmap(turn), "unmap memory") }
    let empty = ticks(rounds) { _ in }
    let mapped = ticks(rounds) { turn in _ = map(turn) }
    let unmapped = ticks(rounds) { turn in _ = unmap(turn) }
    require(map(0), "map memory after all was unmapped")
    report(mapName, ticks: mapped &- empty, turns: rounds)
    report(unmapName, ticks: unmapped &- empty, turns: rounds)
    require(unmap(0), "unmap memory")
    factory.giveBackSlots(UInt32(rounds) &+ 1)
}

/// Measures a thread that touches unmapped pages. The pager in the first address space maps each and replies.
func measurePaging(_ factory: inout ObjectFactory) {
    let pages = rounds
    let extent = UInt64(factory.create(.extent, pages &* 4096))
    let first = factory.reserveSlots(UInt32(pages) &+ 1)
    let portal = factory.create(.portal, UInt64(InitialSlot.thread))
    _ = factory.thread(.toucher, faultPortal: portal)
    let space = Selector(slot: factory.space)
    let rights = UInt64(Rights.read.rawValue | Rights.write.rawValue)
    var answer = replyWait(ReplyForm.wait)
    while answer.words.w1 < base &+ pages &* 4096 {
        let offset = (answer.words.w1 &- base) & ~4095
        require(
            invoke(.map, space, Words(extent, base &+ offset, offset, 4096, rights, UInt64(first) &+ offset >> 12)),
            "page in")
        answer = replyWait(ReplyForm.reply | ReplyForm.wait)
    }
    // The address of the thread's last fault encodes the time.
    _ = replyWait(ReplyForm.reply | ReplyForm.leaveStopped)
    report("fault.page-in", ticks: answer.words.w1 &- ObjectFactory.report, turns: pages)
}

/// Runs as the thread that touches pages. Afterwards it reads from an address that encodes the time.
func touchPages() {
    let empty = ticks(rounds) { _ in }
    let full = ticks(rounds) { turn in _ = entente_read32(base &+ turn &* 4096) }
    _ = entente_read32(ObjectFactory.report &+ (full &- empty))
}
