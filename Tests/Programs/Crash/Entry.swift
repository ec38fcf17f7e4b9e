import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// A component that does something forbidden, for tests of the consequences. Argument 0 is a `Misdeed`.

/// The forbidden action, by argument 0.
private enum Misdeed: UInt64 {
    case loadFromNowhere = 1
    case storeToConstants = 2
    case trap = 3
    case jumpToNowhere = 4
    /// Calls the kernel with every operation number and random words, for ever.
    case operations = 5
    case powerOff = 6
    /// Fills every slot of its own table.
    case squat = 7
    /// Ends itself like a monitor whose machine hangs.
    case endLikeAMachine = 8
    /// Takes all the time that it can get.
    case spin = 16
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let console = Console()
    console.beginLine()
    console.write("crash: now\n")
    console.flush()
    switch Misdeed(rawValue: Configuration.current.arguments[0]) {
    case .loadFromNowhere: _ = entente_read32(0xDEAD_0000)
    case .storeToConstants: entente_write32(ComponentLayout.image, 0)
    case .trap, nil: preconditionFailure()
    case .jumpToNowhere: jump(0xDEAD_0000)
    case .operations: tryOperations(console)
    case .powerOff: powerOff(console)
    case .squat: squat(console)
    case .endLikeAMachine: entente_end_by_hang()
    case .spin: while true { entente_opaque() }
    }
}

@inline(never)
private func jump(_ address: UInt64) {
    // SAFETY: none; that is the point. The fetch faults, and root reports it.
    unsafe unsafeBitCast(UInt(address), to: (@convention(c) () -> Void).self)()
}

/// Tries operations that only root may perform.
private func powerOff(_ console: Console) {
    let status = invoke(.system, Selector(slot: RootSlot.system, form: SystemForm.powerOff.rawValue)).status
    console.write("crash: power off answers ")
    console.write(decimal: status.rawValue)
    console.write("\n")
    console.flush()
}

/// Root, too, puts capabilities into this table, namely when the console driver comes back.
private func squat(_ console: Console) {
    for slot in (InitialSlot.notification + 1)..<160 as Range<UInt32> {
        revoke(slot, .delete)
        invoke(
            .derive, Selector(slot: InitialSlot.notification),
            Words(UInt64(InitialSlot.table), UInt64(slot), UInt64(Rights.write.rawValue)))
    }
    console.write("crash: every slot is taken\n")
    while true { _ = Events.wait() }
}

/// Calls operations with random words. It leaves out `replyWait`, which would wait for ever.
private func tryOperations(_ console: Console) {
    var random = Xorshift(state: 0x9E37_79B9_7F4A_7C15)
    var count: UInt64 = 0
    while true {
        for _ in 0..<20_000 {
            let operation = random.next() % 24
            if operation == Operation.replyWait.rawValue { continue }
            _ = entente_svc(
                operation, random.word(), random.word(), random.word(), random.word(), random.word(), random.word(),
                random.word())
            count += 1
        }
        console.write("crash: operations ")
        console.write(decimal: count)
        console.write("\n")
        console.flush()
    }
}

private struct Xorshift {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    /// Returns a small number, a slot with a form, or any number.
    mutating func word() -> UInt64 {
        switch next() % 4 {
        case 0: next() % 16
        case 1: next() % 170 | (next() % 12) << 32
        case 2: next() & ~0xFFF
        default: next()
        }
    }
}
