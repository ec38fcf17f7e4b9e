import ABI
import Entente

// A component that computes without a pause and logs the share of its core that others took, in per cent, each 100 ms:
// `meter: others had 12 %`. A step of the clock above 5 us is time of others; the kernel's own interrupts are shorter.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let console = Console()
    let span = Interval.milliseconds(100).ticks, step = Interval.microseconds(5).ticks
    while true {
        let start = Clock.now
        var (last, lost) = (start, UInt64(0))
        while last - start < span {
            let now = Clock.now
            if now - last > step { lost += now - last }
            last = now
        }
        console.beginLine()
        console.write("meter: others had ")
        console.write(decimal: lost * 100 / (last - start))
        console.write(" %\n")
        console.flush()
    }
}
