import ABI
import Entente

// Prints a line once a second, for as long as it lives: the component that must go on when a machine does not.
// Argument 0: the period in milliseconds; 0 means 1000.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let console = Console()
    let milliseconds = Configuration.current.arguments[0]
    let period = Clock.frequency * (milliseconds == 0 ? 1000 : milliseconds) / 1000
    var deadline = Clock.now
    var count: UInt64 = 0
    while true {
        count += 1
        console.beginLine()
        console.write("heartbeat ")
        console.write(decimal: count)
        console.write("\n")
        console.flush()
        deadline += period
        setTimer(InitialSlot.notification, deadline: deadline, bits: 2)
        while true {
            let answer = replyWait(ReplyForm.wait)
            if answer.tag & 2 != 0 { break }
        }
    }
}
