import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// A component that logs a line every 200 ms, and hangs when its console tells it to. Argument 0 is its role.

private enum Role: UInt64 {
    /// Depends on no other component.
    case loner = 0
    /// Calls `server` before each line.
    case client = 1
    /// Answers calls.
    case server = 2
    /// Rings the other end of `region` with each line.
    case ringer = 3
    /// Logs a line whenever the other end of `region` rings, and no other line.
    case listener = 4
    /// Reads the next page of its paged file before each line.
    case reader = 5
}

/// A letter that the user types at the console.
private enum Command {
    /// Spins on its own time.
    static let spin = UInt8(ascii: "s")
    /// Spins in the next call, on the caller's time.
    static let hold = UInt8(ascii: "h")
}

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let role = Role(rawValue: Configuration.current.arguments[0]) ?? .loner
    let region = role == .ringer || role == .listener ? SharedRegion(named: "region") : nil
    let server = role == .client ? Portal(named: "server") : nil
    let file = role == .reader ? Configuration.resource(.file, named: "file") : nil
    var page: UInt64 = 0
    let alarm = Alarm(raising: .number(1))
    let console = Console()
    var form = ReplyForm.wait
    var holds = false
    alarm.set(after: .milliseconds(200))
    while true {
        let answer = replyWait(form)
        form = ReplyForm.wait
        if answer.status == .ok {
            while holds { entente_opaque() }
            form |= ReplyForm.reply
        }
        guard answer.has(.notified) else { continue }
        let events = Events(bits: answer.tag)
        while let letter = console.take() {
            while letter == Command.spin { entente_opaque() }
            holds = holds || letter == Command.hold
        }
        if let region, role == .listener, events.contains(region.rang) { log("well") }
        guard events.contains(alarm.events) else { continue }
        alarm.set(after: .milliseconds(200))
        if role == .ringer, let region { region.ring() }
        if let file {
            page = (page + 4096) % file.size
            _ = entente_read64(file.address + page)
        }
        if let server, call(server.slot).status != .ok { continue }
        if role != .listener { log("well") }
    }
}
