import ABI
@_spi(Kernel) import Entente

// A server that counts its calls (argument 0 is 0), and a client that calls it for ever (argument 0 is 1). The client
// logs when it finds another life of the server behind the same portal.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    if Configuration.current.arguments[0] == 0 { countCalls() } else { callForEver(Portal(named: "server").slot) }
}

private func countCalls() {
    var count: UInt64 = 0
    var form = ReplyForm.wait
    while true {
        let answer = replyWait(form, Words(count))
        form = ReplyForm.wait
        guard answer.status == .ok else { continue }
        count += 1
        form |= ReplyForm.reply
    }
}

private func callForEver(_ server: UInt32) {
    var generation: UInt64 = 0
    var wasDead = false
    while true {
        let answer = call(server)
        if answer.status == .ok, answer.tag != generation {
            generation = answer.tag
            say("generation ", generation, answer.words.w0)
        } else if answer.status == .dead, !wasDead {
            say("dead, generation ", answer.tag, 0)
        }
        wasDead = answer.status == .dead
        pause()
    }
}

private func say(_ what: StaticString, _ generation: UInt64, _ count: UInt64) {
    let console = Console()
    console.write(what)
    console.write(decimal: generation)
    console.write(", call ")
    console.write(decimal: count)
    console.write("\n")
    console.flush()
}

private func pause() {
    setTimer(InitialSlot.notification, deadline: Clock.now + Clock.frequency / 100, bits: 2)
    while replyWait(ReplyForm.wait).tag & 2 == 0 {}
}
