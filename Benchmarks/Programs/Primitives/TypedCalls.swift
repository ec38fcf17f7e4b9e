import ABI
@_spi(Kernel) import Entente
import Measuring
import RuntimeSupport

// The same call twice: by the generated client and server of `MixInterface`, and by hand. `ImageCheck` compares the
// instructions of the two functions below; the rows of the benchmark compare the whole round trip.

@inline(never)
@c(entente_typed_call)
func typedCall(_ portal: UInt32, _ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) -> UInt64 {
    do throws(CallError<Never>) {
        return try MixClient(Portal(slot: portal)).mix(first, second, third, fourth)
    } catch {
        return .max
    }
}

@inline(never)
@c(entente_hand_call)
func handCall(_ portal: UInt32, _ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) -> UInt64 {
    let answer = call(portal, Words(1, first, second, third, fourth))
    guard answer.has(.ok), answer.words.w0 == 0 else { return .max }
    return answer.words.w1
}

/// Serves calls as a programmer would by hand: the method's number in the first word, 0 for success in the reply's.
func serveMixByHand() {
    var answer = replyWait(ReplyForm.wait)
    while true {
        guard answer.has(.ok) else {
            answer = replyWait(ReplyForm.wait)
            continue
        }
        let words = answer.words
        let reply = words.w0 == 1 ? Words(0, words.w1 ^ words.w2 ^ words.w3 ^ words.w4) : Words(1)
        answer = replyWait(ReplyForm.reply | ReplyForm.wait, reply)
    }
}

func serveMixTyped() {
    var mixer = Mixer()
    serve(&mixer)
}

func measureTypedCalls(_ factory: inout ObjectFactory) {
    let hand = factory.create(.portal, UInt64(factory.thread(.mixByHand)))
    let typed = factory.create(.portal, UInt64(factory.thread(.mixTyped)))
    require(handCall(hand, 1, 2, 4, 8) == 15 && typedCall(typed, 1, 2, 4, 8) == 15, "have numbers mixed")
    var sum: UInt64 = 0
    measure("ipc.call-reply.hand") { turn in sum &+= handCall(hand, turn, 2, 3, 4) }
    measure("ipc.call-reply.typed") { turn in sum &+= typedCall(typed, turn, 2, 3, 4) }
    entente_consume(sum)
}
