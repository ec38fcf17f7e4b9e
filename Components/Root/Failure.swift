import ABI
@_spi(Kernel) import Entente

/// Reports a failed step on the kernel's console, because no other may work yet, and powers the board off.
func fail(_ what: StaticString, _ status: Status) -> Never {
    let text: LogText = "root: \(what): status \(status.rawValue)\n"
    for index in 0..<text.count { invoke(.system, system(.writeConsole), Words(1, UInt64(text[index]))) }
    invoke(.system, system(.powerOff))
    while true {}
}

/// Writes to root's console, without the time.
func say(_ text: LogText) {
    let console = Console()
    console.write(text: text)
    console.flush()
}
