import ABI
import Entente

// One end of two shared regions. When the other end of one rings, it adds 1 to the number at the start, puts the sum
// behind it, and rings back.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let frames = SharedRegion(named: "frames")
    let letters = SharedRegion(named: "letters")
    log("frames: \(frames.memory.size) bytes, life \(Configuration.current.earlierLives + 1)")
    while true {
        let events = Events.wait()
        if events.contains(frames.rang) { answer(frames, "frames") }
        if events.contains(letters.rang) { answer(letters, "letters") }
    }
}

private func answer(_ region: SharedRegion, _ name: StaticString) {
    let number = region.memory[0]
    region.memory[8] = number &+ 1
    log("\(name): \(number)")
    region.ring()
}
