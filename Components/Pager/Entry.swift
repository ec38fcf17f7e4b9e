import ABI
import Entente

// Pages files of the image into the spaces of its clients: it is their fault portal. There are fewer frames than pages; the
// longest-mapped one makes room. A fault of any other kind is refused: the client stops, and its supervisor hears of it.
//
// A client waits for nobody but this pager, on its own time; the kernel does not wait at all. A pager that was restarted begins with
// nothing mapped, and its clients fault again.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var cache = FrameCache(frames: Configuration.current.heapSize / 4096)
    var answer = replyWait(ReplyForm.wait)
    while true {
        guard answer.status == .ok else {
            answer = replyWait(ReplyForm.wait)
            continue
        }
        let isServed = PageFault(answer).map { cache.provide($0) } ?? false
        answer = replyWait(ReplyForm.reply | ReplyForm.wait | (isServed ? 0 : ReplyForm.refuse))
    }
}

/// A load of a client's from a page of its file.
struct PageFault {
    let client: UInt64
    let page: UInt64

    /// Nil for a fault that no page can cure: a store, an execution, an address outside of the file.
    init?(_ answer: Answer) {
        let syndrome = ExitTag(bits: answer.words.w0).syndrome
        let isTranslation = syndrome & 0x3C == 4
        client = answer.tag ^ Paging.faultBadge
        guard syndrome >> 26 == PageFault.dataAbort, syndrome & PageFault.isWrite == 0, isTranslation,
            client < UInt64(Paging.maximumClients), answer.words.w1 >= Paging.file
        else { return nil }
        page = (answer.words.w1 - Paging.file) >> 12
        guard page << 12 < Configuration.current.paging[Int(client)].size else { return nil }
    }

    private static let dataAbort: UInt64 = 0x24
    private static let isWrite: UInt64 = 1 << 6
}
