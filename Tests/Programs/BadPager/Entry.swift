import ABI
import Entente

// Pagers that do no good. Argument 0: 1 hangs, 2 says that all is well and maps nothing, 3 answers with bits that mean
// nothing here; else it faults.

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
