import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// Repeats operations that made earlier kernels interrupt other cores: an attack on a core on which it does not run.
// Argument 0 selects the parts of the attack as a sum of `Attack`.
//
// Under `--icount` the emulator executes the cores in turn, and a turn may last until any core's next timer is due. The
// YIELD instruction ends a turn. This program executes one after each operation, so that the cores seem to run at the
// same time.

/// The parts of the attack.
private enum Attack {
    /// Derives a capability, derives another one from it, and revokes both.
    static let revocation: UInt64 = 1
    /// Sets timers that are due soon.
    static let timer: UInt64 = 2
    /// Signals the console driver, which may run on the victim's core.
    static let signal: UInt64 = 4
    /// Stops everything that it may stop, except itself.
    static let stop: UInt64 = 8
}

/// Slots of the own table that nothing else uses.
private enum FreeSlot {
    static let first: UInt32 = 64
    static let second: UInt32 = 65
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let attacks = Configuration.current.arguments[0]
    var count: UInt64 = 0
    while true {
        if attacks & Attack.revocation != 0 { deriveAndRevoke() }
        if attacks & Attack.timer != 0 { armTimer() }
        if attacks & Attack.signal != 0 { signal(InitialSlot.consoleOutput) }
        if attacks & Attack.stop != 0 { stopOthers() }
        count += 1
        // Further lines would only wake the console driver.
        if count == 1000 { log("flood: round \(count)") }
    }
}

private func deriveAndRevoke() {
    derive(InitialSlot.notification, to: FreeSlot.first)
    derive(FreeSlot.first, to: FreeSlot.second)
    let whole = Selector(slot: FreeSlot.first, form: RevokeForm.delete.rawValue)
    while invoke(.revoke, whole).has(.again) { entente_spin_hint() }
    entente_spin_hint()
}

private func derive(_ source: UInt32, to slot: UInt32) {
    invoke(
        .derive, Selector(slot: source), Words(UInt64(InitialSlot.table), UInt64(slot), UInt64(Rights.all.rawValue)))
}

private func armTimer() {
    _ = poll(InitialSlot.notification)
    setTimer(InitialSlot.notification, deadline: Clock.now + Clock.frequency / 100_000, bits: 2)
    entente_spin_hint()
}

private func stopOthers() {
    for slot in 1..<InitialSlot.firstReceived where slot != InitialSlot.thread { contextControl(slot, .stop) }
    entente_spin_hint()
}
