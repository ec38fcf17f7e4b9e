import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// Data for another address space: the pages that hold it are mapped there for one request and unmapped after it, or
// the data is copied into a window that both spaces have.

private let source: UInt64 = ComponentLayout.workspace &+ 0x2000_0000
private let window: UInt64 = ComponentLayout.workspace &+ 0x3000_0000
private let perRequest: UInt64 = ComponentLayout.workspace &+ 0x3400_0000
private let rings: UInt64 = ComponentLayout.workspace &+ 0x3800_0000

func measureWindow(_ factory: inout ObjectFactory, size: UInt64, turns: UInt64) {
    let data = factory.create(.extent, size)
    let view = factory.map(data, into: InitialSlot.space, source, size: size, .write)
    let slot = factory.reserveSlots(1)
    let space = factory.space
    var failures: UInt64 = 0
    // Makes the tables for the addresses.
    require(flip(data, space, size, slot), "map and unmap memory")
    let emptyFlips = ticks(turns) { _ in }
    let flips = ticks(turns) { _ in if !flip(data, space, size, slot) { failures &+= 1 } }
    require(failures == 0, "map and unmap memory")
    report("checked", "window", size: size, ticks: flips &- emptyFlips, turns: turns)

    let shared = factory.create(.extent, size)
    let start = Clock.now
    let own = factory.map(shared, into: InitialSlot.space, window, size: size, .write)
    let other = factory.map(shared, into: factory.space, window, size: size, .write)
    report("bind", "window", size: size, ticks: Clock.now &- start, turns: 1)

    let copies = ticks(turns) { _ in copy(to: window, from: source, size) }
    report("bound", "window", size: size, ticks: copies &- emptyFlips, turns: turns)
    for mapping in 0..<3 as Range<Int> {
        let slot = mapping == 0 ? own : mapping == 1 ? other : view
        require(revoke(slot, .delete) == .ok, "unmap memory")
    }
}

/// Maps memory into another space for one request, and unmaps it. Returns false if that failed.
@inline(__always)
private func flip(_ extent: UInt32, _ space: UInt32, _ size: UInt64, _ slot: UInt32) -> Bool {
    let rights = UInt64(Rights.read.rawValue | Rights.write.rawValue)
    var done: UInt64 = 0
    while true {
        let words = Words(UInt64(extent), perRequest &+ done, done, size &- done, rights, UInt64(slot))
        let answer = invoke(.map, Selector(slot: space), words)
        guard answer.has(.again) else { return answer.has(.ok) && revoke(slot, .delete) == .ok }
        done &+= answer.words.w0
    }
}

/// Measures what it takes to bind a ring of each direction and a window of 64 KiB between two programs: memory, the
/// mappings, and the notifications of both.
func measureRing(_ factory: inout ObjectFactory) {
    let client = factory.thread(Role.injector.rawValue, starts: false)
    let server = factory.thread(Role.injector.rawValue, starts: false)
    let start = Clock.now
    let memory = factory.create(.extent, 4096 &+ 65536)
    factory.map(memory, into: InitialSlot.space, rings, size: 4096 &+ 65536, .write)
    factory.map(memory, into: factory.space, rings, size: 4096 &+ 65536, .write)
    bind(factory.create(.notification), .thread, to: client)
    bind(factory.create(.notification), .thread, to: server)
    report("bind.ring", ticks: Clock.now &- start, turns: 1)
}

private func copy(to target: UInt64, from source: UInt64, _ size: UInt64) {
    // SAFETY: the callers have mapped `size` bytes at both addresses.
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(target)).unsafelyUnwrapped.copyMemory(
        from: UnsafeRawPointer(bitPattern: UInt(source)).unsafelyUnwrapped, byteCount: Int(size))
}
