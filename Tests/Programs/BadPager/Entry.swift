import ABI
@_spi(Kernel) import Entente
import HarmWitness
import RuntimeSupport

// Pagers that do no good. Argument 0: 1 hangs, 2 says that all is well and maps nothing, 3 answers with bits that mean
// nothing here, 4 serves with one frame and looks at its console at each fault: it hangs at the letter `h`, brings a
// wrong page at `w`, and passes other letters to `Witness.obey`; else it faults. Argument 1 is the secret of `Witness`.

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
    private let frames = PageFrames(named: "frames")
    private let memory = Configuration.resource(.frames, named: "frames")?.address ?? 0
    private let console = Console()
    private var witness = Witness()

    mutating func provide(_ fault: PageFault) -> Bool {
        var lies = false
        while let letter = console.take() {
            while letter == UInt8(ascii: "h") { entente_opaque() }
            lies = lies || letter == UInt8(ascii: "w")
            _ = witness.obey(letter)
        }
        witness.turn()
        frames.unmap(0)
        frames.fill(0, for: fault)
        if lies {
            for offset in stride(from: 0, to: 4096, by: 8) as StrideTo<UInt64> { entente_write64(memory + offset, 0) }
        }
        return frames.map(0, for: fault)
    }
}
