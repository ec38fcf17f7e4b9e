import ABI
@_spi(Kernel) import Entente

// Prints the time of its first instruction, by the counter, which starts at the board's reset. Argument 0 selects one
// of the two systems: the one with a large machine if it is not 0.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let arrival = Clock.now
    let console = Console()
    let isBesideLarge = Configuration.current.arguments[0] != 0
    console.write(isBesideLarge ? "bench: boot.component-beside-6GiB " : "bench: boot.component ")
    // Under the emulator's deterministic time an instruction takes a nanosecond.
    console.write(decimal: arrival * 1_000_000_000 / Clock.frequency)
    console.write("\nbench: end\n")
    console.flush()
    while true { _ = replyWait(ReplyForm.wait) }
}
