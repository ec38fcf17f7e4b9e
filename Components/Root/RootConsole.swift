import ABI
import Entente
import Synchronization

/// Root's console.
struct RootConsole: ~Copyable {
    /// While the driver is dead nobody empties the ring: what does not fit is lost rather than waited for.
    private let driverIsDead = Atomic<Bool>(false)

    func use(_ body: (Console) -> Void) {
        var console = Console()
        if driverIsDead.load(ordering: .relaxed) { console.patience = 0 }
        body(console)
    }

    func driver(isDead: Bool) { driverIsDead.store(isDead, ordering: .relaxed) }

    /// Whether the driver has taken all that was written.
    var isDrained: Bool { Console().output.isEmpty }
}

let rootConsole = RootConsole()

/// A step of the start-up that failed: said on the kernel's console, because nothing else may work yet; then off.
func fail(_ what: StaticString, _ status: Status) -> Never {
    writeDirectly("root: ")
    writeDirectly(what)
    writeDirectly(": status ")
    var digits: UInt64 = 0x30 + status.rawValue % 10
    if status.rawValue > 9 { digits = digits << 8 | (0x30 + status.rawValue / 10) }
    invoke(.system, system(.writeConsole), Words(status.rawValue > 9 ? 2 : 1, digits))
    writeDirectly("\n")
    invoke(.system, system(.powerOff))
    while true {}
}

func system(_ form: SystemForm) -> Selector { Selector(slot: InitialSlot.system, form: form.rawValue) }

private func writeDirectly(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount {
        // SAFETY: a StaticString's bytes are constants of the program.
        invoke(.system, system(.writeConsole), Words(1, UInt64(unsafe text.utf8Start[index])))
    }
}
