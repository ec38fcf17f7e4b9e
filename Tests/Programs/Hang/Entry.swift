import ABI
@_spi(Kernel) import Entente
import HarmWitness
import RuntimeSupport

// A component that logs a line every 200 ms, observes itself, and does harm when its console tells it to. Argument 0 is
// its role, and argument 1 its secret. `Witness.obey` knows the letters for all roles.

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
    /// Reads the next page of its paged file before each line. The file is full of the component's secret.
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
    var witness = Witness(isSecondEnd: role == .listener)
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
            if letter == Command.hold { holds = true } else { _ = witness.obey(letter) }
        }
        if let region, role == .listener, events.contains(region.rang) {
            witness.turn()
            witness.report()
        }
        guard events.contains(alarm.events) else { continue }
        alarm.set(after: .milliseconds(200))
        if role == .ringer, let region { region.ring() }
        if let file { read(file, &page, witness.secret) }
        if let server, call(server.slot).status != .ok { continue }
        guard role != .listener else { continue }
        witness.turn()
        witness.report()
    }
}

/// Reads a word of the next page, and logs a line if it is not the word that the harness has put there.
private func read(_ file: Resource, _ page: inout UInt64, _ secret: UInt64) {
    page = (page + 4096) % file.size
    if entente_read64(file.address + page) != secret { log("lost the file") }
}
