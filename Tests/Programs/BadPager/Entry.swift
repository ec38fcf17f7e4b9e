import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// Pagers that do no good. Argument 0: 1 hangs, 2 says that all is well and maps nothing, 3 answers with bits that mean
// nothing here, 4 serves with one frame until its console says `h`, and then hangs in the next fault; else it faults.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let mischief = Configuration.current.arguments[0]
    if mischief == 4 {
        var service = ObedientPager()
        serveFaults(&service)
        return
    }
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

private struct ObedientPager: FaultService {
    let frames = PageFrames(named: "frames")
    let console = Console()

    func provide(_ fault: PageFault) -> Bool {
        while let letter = console.take() {
            while letter == UInt8(ascii: "h") { entente_opaque() }
        }
        frames.unmap(0)
        frames.fill(0, for: fault)
        return frames.map(0, for: fault)
    }
}
