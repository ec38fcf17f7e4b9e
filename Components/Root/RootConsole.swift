import ABI
import Entente

/// Root's console. While its driver is dead nobody empties the ring: what does not fit is lost rather than waited for.
struct RootConsole {
    func use(_ body: (Console) -> Void) { body(Console()) }

    /// Writes a line, with the time in front.
    func report(_ body: (Console) -> Void) {
        let console = Console()
        console.beginLine()
        body(console)
        console.write("\n")
        console.flush()
    }

    /// Whether the driver has taken all that was written.
    var isDrained: Bool { Console().output.isEmpty }
}

let rootConsole = RootConsole()

/// A step of the start-up that failed: said on the kernel's console, because nothing else may work yet; then off.
func fail(_ what: StaticString, _ status: Status) -> Never {
    writeDirectly("root: ")
    writeDirectly(what)
    writeDirectly(": status ")
    if status.rawValue > 9 { writeDirectly(byte: 0x30 + status.rawValue / 10) }
    writeDirectly(byte: 0x30 + status.rawValue % 10)
    writeDirectly("\n")
    invoke(.system, system(.powerOff))
    while true {}
}

private func writeDirectly(byte: UInt64) { invoke(.system, system(.writeConsole), Words(1, byte)) }

private func writeDirectly(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount {
        // SAFETY: a StaticString's bytes are constants of the program.
        writeDirectly(byte: UInt64(unsafe text.utf8Start[index]))
    }
}
