import ABI
import Entente

// Pagers that fail their clients. With argument 0, 1 hangs, 2 claims success and maps nothing, and 3 answers with bits
// that have no meaning here. Any other one faults.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let mischief = Configuration.current.arguments[0]
    var answer = replyWait(ReplyForm.wait)
    while true {
        guard answer.status == .ok else {
            answer = replyWait(ReplyForm.wait)
            continue
        }
        switch mischief {
        case 1: while true {}
        case 2: answer = replyWait(ReplyForm.reply | ReplyForm.wait)
        case 3:
            answer = replyWait(
                ReplyForm.reply | ReplyForm.wait | ReplyForm.advance | ReplyForm.writeRegister
                    | ReplyForm.writeArguments
                    | 31 << ReplyForm.registerShift, Words(~0, ~0, ~0, ~0, ~0, ~0))
        default: return
        }
    }
}
