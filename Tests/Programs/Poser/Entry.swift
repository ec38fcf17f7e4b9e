import ABI
@_spi(Kernel) import Entente

// Calls the pager that it uses as if the call were a fault of a client, for every client and page, and logs the number
// of refusals.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let console = Console()
    // A data abort of a load, translation fault at level 3 (DDI 0487, D19.2.40).
    let syndrome: UInt64 = 0x24 << 26 | 1 << 25 | 7
    let pager = UInt32(truncatingIfNeeded: Configuration.resource(.portal, named: "pager")?.slot ?? 0)
    // The plan puts the files of the pager's clients into the range for large memory.
    let file = ComponentLayout.assigned
    var refused: UInt64 = 0
    for turn in 0..<1000 as Range<UInt64> {
        let answer = call(
            pager,
            Words(ExitTag(.fault, syndrome: syndrome).bits, file + turn % 64 << 12, 0, 0, turn, turn))
        if answer.has(.refused) { refused += 1 }
    }
    console.beginLine()
    console.write(refused == 1000 ? "refused " : "SERVED, refused ")
    console.write(decimal: refused)
    console.write(" of 1000\n")
    console.flush()
    while true { _ = replyWait(ReplyForm.wait) }
}
