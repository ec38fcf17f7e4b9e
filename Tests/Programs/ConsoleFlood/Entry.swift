import ABI
import Entente

// A component that prints without end and calls the console driver at every byte, for tests of what others still get.
// It never waits: a byte that finds no room is tried again at once, with another call.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let console = Console()
    let text: StaticString = "flood\n"
    while true {
        text.withUTF8Buffer { buffer in
            // SAFETY: the buffer is a constant of the program, and is not kept.
            for index in 0..<buffer.count {
                while !console.put(unsafe buffer[index]) { console.flush() }
                console.flush()
            }
        }
    }
}
