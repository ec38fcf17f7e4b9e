import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// The servers' sides of calls. Each puts the data into its own buffer, and replies with nothing.

func receiveByRegisters() -> Never {
    var answer = replyWait(ReplyForm.wait)
    while true {
        let size = entente_read64(Place.announced)
        var done: UInt64 = 0
        repeat {
            if size != 0 { store(answer.words, at: Place.buffer &+ done) }
            done &+= Message.registers
            answer = replyWait(ReplyForm.reply | ReplyForm.wait)
        } while done < size
    }
}

func receiveByPage() -> Never {
    var answer = replyWait(ReplyForm.wait)
    while true {
        let size = entente_read64(Place.announced)
        var done: UInt64 = 0
        repeat {
            if size != 0 { store(answer.words, at: Place.buffer &+ done) }
            let arrived = UInt64(answer.arrivedWords)
            if arrived > 6 {
                copy(
                    to: Place.buffer &+ done &+ Message.registers, from: Place.messages &+ Message.registers,
                    arrived &* 8 &- Message.registers)
            }
            done &+= Message.page
            answer = replyWait(ReplyForm.reply | ReplyForm.wait)
        } while done < size
    }
}

func receiveByLease() -> Never {
    var answer = replyWait(ReplyForm.wait)
    while true {
        let size = answer.words.w0
        var done: UInt64 = 0
        while done < size {
            let copied = invoke(
                .copy, Selector(slot: 0, form: CopyForm.read.rawValue),
                Words(done, Place.buffer &+ done, size &- done))
            if copied.has(.ok) { break }
            // Any other answer leaves the data away, which the client finds.
            guard copied.has(.again) else { break }
            done &+= copied.words.w0
        }
        answer = replyWait(ReplyForm.reply | ReplyForm.wait)
    }
}
