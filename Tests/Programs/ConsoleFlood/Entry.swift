import ABI
import Entente

// A component that prints without end and signals the console driver at every byte, for tests of the other tenants'
// share. It never waits: it tries a byte that finds no room again at once, with another signal.

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
